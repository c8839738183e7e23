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
# PostgreSQL error classes: connection, serialization and deadlock, resources, operator (shutdown, time-out), system.
_PASSING_CLASSES: Final = frozenset({"08", "40", "53", "57", "58"})
# Of other classes: idle in a transaction for too long, read-only during a failover, a lock waited for too long.
_PASSING_STATES: Final = frozenset({"25P03", "25006", "55P03"})
_DATA_EXCEPTION: Final = "22"


class StorageError(Exception):
    """Something could not be stored. The message names no payload and no secret."""


class TransientStorageError(StorageError):
    """Doing the same again may succeed."""


class PermanentStorageError(StorageError):
    """Doing the same again will fail again."""


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns psycopg's errors into ours, by SQLSTATE.

    The cause is not chained: its text has PostgreSQL's DETAIL, which quotes the row, and tracebacks end up in logs.
    """
    try:
        yield
    except psycopg_pool.PoolTimeout as error:
        raise TransientStorageError("PostgreSQL: no connection within the pool's timeout") from error
    except psycopg.Error as error:
        state = error.sqlstate
        if state is None:
            passing = isinstance(error, psycopg.OperationalError)
        else:
            passing = state[:2] in _PASSING_CLASSES or state in _PASSING_STATES
        raise (TransientStorageError if passing else PermanentStorageError)(_explain(error)) from None


def _explain(error: psycopg.Error) -> str:
    """SQLSTATE, reason, and the names of what was hit; nothing that a row holds."""
    state = error.sqlstate
    if state is None:
        # Without a SQLSTATE the connection failed or broke: the first line says where and why.
        lost = isinstance(error, psycopg.OperationalError) and str(error).partition("\n")[0]
        return f"PostgreSQL: {lost or type(error).__name__}"
    quotes_a_value = state.startswith(_DATA_EXCEPTION)
    reason = type(error).__name__ if quotes_a_value else error.diag.message_primary
    named = [name for name in (error.diag.table_name, error.diag.column_name, error.diag.constraint_name) if name]
    where = f" ({', '.join(named)})" if named else ""
    return f"PostgreSQL {state}: {reason}{where}"


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
