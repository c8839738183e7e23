"""The families of storage failure. Nothing of psycopg or the Azure SDK leaks past this package.

A transient failure may pass if the same work is done again; a permanent one will not; a refusal is the fault of an
event, and the others of its batch can be stored without it.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Final

import psycopg
import psycopg_pool
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from payments_core.errors import ErrorCode, Stage

_PASSING_HTTP: Final = frozenset({408, 409, 412, 425, 429, 500, 502, 503, 504})
# PostgreSQL error classes: connection, serialization and deadlock, resources, operator (shutdown, time-out), system.
_PASSING_CLASSES: Final = frozenset({"08", "40", "53", "57", "58"})
# Of other classes: idle in a transaction for too long, read-only during a failover, a lock waited for too long.
_PASSING_STATES: Final = frozenset({"25P03", "25006", "55P03"})
# Data that does not fit, a constraint, and limits such as the size of an index entry.
_REFUSING_CLASSES: Final = frozenset({"22", "23", "54"})
_DATA_EXCEPTION: Final = "22"


class StorageError(Exception):
    """Something could not be stored. The message names no payload and no secret."""


class TransientStorageError(StorageError):
    """Doing the same again may succeed."""


class DatabaseUnavailableError(TransientStorageError):
    """PostgreSQL cannot do its work at the moment."""


class ArchiveUnavailableError(TransientStorageError):
    """Blob Storage cannot do its work at the moment."""


class PermanentStorageError(StorageError):
    """Doing the same again will fail again."""


class EventRefusedError(PermanentStorageError):
    """An event of the batch cannot be stored, at this stage and for this reason."""

    def __init__(self, message: str, stage: Stage, code: ErrorCode) -> None:
        super().__init__(message)
        self.stage = stage
        self.code = code


@contextmanager
def database_errors(stage: Stage = Stage.CLAIM) -> Iterator[None]:
    """Turns psycopg's errors into ours, by SQLSTATE. `stage` is what the statements inside are doing.

    The cause is not chained: its text has PostgreSQL's DETAIL, which quotes the row, and tracebacks end up in logs.
    """
    try:
        yield
    except psycopg_pool.PoolTimeout as error:
        raise DatabaseUnavailableError("PostgreSQL: no connection within the pool's timeout") from error
    except psycopg.Error as error:
        raise _of_database(error, stage) from None


def _of_database(error: psycopg.Error, stage: Stage) -> StorageError:
    state = error.sqlstate
    message = _explain(error)
    if state is None:
        if isinstance(error, psycopg.OperationalError):
            return DatabaseUnavailableError(message)
        if isinstance(error, psycopg.DataError):  # psycopg cannot send it, e.g. a NUL in a text
            return EventRefusedError(message, stage, ErrorCode.REFUSED_BY_DATABASE)
        return PermanentStorageError(message)
    if state[:2] in _PASSING_CLASSES or state in _PASSING_STATES:
        return DatabaseUnavailableError(message)
    if state[:2] in _REFUSING_CLASSES:
        return EventRefusedError(message, stage, ErrorCode.REFUSED_BY_DATABASE)
    return PermanentStorageError(message)


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
        raise ArchiveUnavailableError(f"Blob Storage: {what}: {type(error).__name__}") from error
    except HttpResponseError as error:
        # Without a status there is no token, or the answer broke off in the middle.
        broke_off = error.status_code is None and not isinstance(error, ClientAuthenticationError)
        passing = broke_off or error.status_code in _PASSING_HTTP
        family = ArchiveUnavailableError if passing else PermanentStorageError
        raise family(f"Blob Storage: {what}: HTTP {error.status_code} {error.reason}") from error
    except AzureError as error:
        raise PermanentStorageError(f"Blob Storage: {what}: {type(error).__name__}") from error


def blob_code(error: HttpResponseError) -> str:
    """The service's own code for what went wrong, such as BlobArchived; empty where it gave none."""
    return str(getattr(error, "error_code", None) or "")


@contextmanager
def our_defects(stage: Stage) -> Iterator[None]:
    """Around code of ours that does no I/O: whatever it raises is a defect that one of the events brings out.

    That event is quarantined and waits for the mended code; the others of its batch do not. The cause is not chained,
    since its text may quote the event; the place where it was raised is named instead.
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, one event must not hold the others back
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__} in {place.name} ({PurePath(place.filename).name}:{place.lineno})"
        raise EventRefusedError(message, stage, ErrorCode.NOT_PROCESSABLE) from None
