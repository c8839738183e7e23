"""The two families of storage failure. Nothing of psycopg or the Azure SDK leaks past this package.

A transient failure may pass if the same work is done again; a permanent one will not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import psycopg_pool
from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError, ServiceResponseError

_PASSING_HTTP: Final = frozenset({408, 409, 412, 425, 429, 500, 502, 503, 504})
# PostgreSQL error classes: insufficient resources, and operator intervention (shutdown, failover).
_PASSING_CLASSES: Final = frozenset({"08", "40", "53", "57"})


class StorageError(Exception):
    """Something could not be stored. The message names no payload and no secret."""


class TransientStorageError(StorageError):
    """Doing the same again may succeed."""


class PermanentStorageError(StorageError):
    """Doing the same again will fail again."""


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns psycopg's errors into ours, by SQLSTATE. PostgreSQL's detail lines stay out: they may quote a row."""
    try:
        yield
    except psycopg_pool.PoolTimeout as error:
        raise TransientStorageError("PostgreSQL: no connection within the pool's timeout") from error
    except psycopg.Error as error:
        state = error.sqlstate
        reason = error.diag.message_primary or type(error).__name__
        message = f"PostgreSQL {state or 'connection'}: {reason}"
        passing = state[:2] in _PASSING_CLASSES if state else isinstance(error, psycopg.OperationalError)
        raise (TransientStorageError if passing else PermanentStorageError)(message) from error


@contextmanager
def blob_errors(what: str) -> Iterator[None]:
    """Turns the Azure SDK's errors into ours, by HTTP status. `what` says what was being done, with the blob's path."""
    try:
        yield
    except (ServiceRequestError, ServiceResponseError) as error:
        raise TransientStorageError(f"Blob Storage: {what}: {type(error).__name__}") from error
    except HttpResponseError as error:
        family = TransientStorageError if error.status_code in _PASSING_HTTP else PermanentStorageError
        raise family(f"Blob Storage: {what}: HTTP {error.status_code} {error.reason}") from error
    except AzureError as error:
        raise PermanentStorageError(f"Blob Storage: {what}: {type(error).__name__}") from error
