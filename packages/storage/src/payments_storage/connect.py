"""Opens what the settings describe: the PostgreSQL pool, the container of the archive and that of dead letters.

Nothing waits for ever: a server that hangs is as good as gone.
"""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

import psycopg
from azure.core.credentials import TokenCredential
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure_postgresql_auth.psycopg3 import EntraConnection
from psycopg import Connection, OperationalError
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from payments_storage.errors import DatabaseUnavailableError, StorageError, blob_errors, database_errors
from payments_storage.settings import ArchiveSettings, PostgresAuth, StorageSettings

Pool = ConnectionPool[Connection[Any]]
_T = TypeVar("_T")

# Seconds. A pool that finds no server stops trying for itself after this long, and tries again for whoever asks next.
_RECONNECT_SECONDS: Final = 30
_PROBE_SECONDS: Final = 10
_WAIT_SECONDS: Final = 0.1  # psycopg's own interval for looking whether it was interrupted
# The upload runs inside the transaction, which may be idle for a minute (database/migrations); the SDK's own
# retries would take longer. With these it gives up within half that.
_BLOB_LIMITS: Final[dict[str, Any]] = {
    "connection_timeout": 5,
    "read_timeout": 10,
    "retry_total": 2,
    "initial_backoff": 0.5,
    "increment_base": 2,
    "random_jitter_range": 0.5,
}


class LimitedConnection(Connection[Any]):
    """Logs in with the password of the connection string.

    `deadline` (of time.monotonic) is when waiting for the server ends: the server's own time-outs cannot help when it
    is the server, or the way to it, that hangs.
    """

    deadline: float | None = None

    def wait(self, gen: PQGen[_T], interval: float = _WAIT_SECONDS, timeout: float | None = None) -> _T:
        if self.deadline is None:
            return super().wait(gen, interval, timeout)
        left = max(0.0, self.deadline - time.monotonic())
        try:
            return super().wait(gen, interval, left if timeout is None else min(left, timeout))
        except OperationalError:
            if time.monotonic() < self.deadline:
                raise
            self.close()  # an answer that comes now would be taken for that to a later question
            raise OperationalError("no answer from the server in time") from None


class LimitedEntraConnection(LimitedConnection, EntraConnection):
    """Logs in with a token."""


def set_deadline(connection: Connection[Any], seconds: float | None) -> None:
    """From now on the server has this long for all that is asked of it; None for no limit."""
    cast("LimitedConnection", connection).deadline = None if seconds is None else time.monotonic() + seconds


@contextmanager
def transaction(pool: Pool, seconds: float | None) -> Iterator[Connection[Any]]:
    """A transaction on a connection of the pool, for which the server has so many seconds in all.

    A connection that failed is closed: after a failover it may well live on, to a server that is read-only now.
    """
    with database_errors(), pool.connection() as connection:
        set_deadline(connection, seconds)
        try:
            with connection.transaction():
                yield connection
        except (psycopg.Error, DatabaseUnavailableError):
            connection.close()
            raise
        except ValueError as error:
            connection.close()
            if traceback.extract_tb(error.__traceback__)[-1].filename.rpartition("psycopg")[1]:
                # A server that says goodbye while it answers: psycopg 3.3 trips over the second result.
                raise DatabaseUnavailableError("PostgreSQL: the connection ended in the middle of an answer") from None
            raise


def credential(settings: ArchiveSettings) -> TokenCredential:
    """The user-assigned identity where one is named (in Azure), else what the developer is logged in with."""
    if settings.azure_client_id is not None:
        return ManagedIdentityCredential(client_id=settings.azure_client_id)
    return DefaultAzureCredential()


def open_connection(settings: StorageSettings) -> Connection[Any]:
    """One connection, for a command. It fails at once, and says why, where a pool goes on trying."""
    connection_class, kwargs = _login(settings)
    with database_errors():
        return connection_class.connect(settings.postgres_dsn.get_secret_value(), **kwargs)


def open_pool(settings: StorageSettings) -> Pool:
    """A pool of the process. Every new connection asks for a token of its own; azure-identity keeps and renews it."""
    connection_class, kwargs = _login(settings)
    return ConnectionPool(
        settings.postgres_dsn.get_secret_value(),
        connection_class=connection_class,
        kwargs=kwargs,
        min_size=1,
        max_size=settings.postgres_pool_size,
        timeout=10,
        reconnect_timeout=_RECONNECT_SECONDS,
        open=True,
        name="payments-ingest",
    )


def _login(settings: StorageSettings) -> tuple[type[Connection[Any]], dict[str, Any]]:
    kwargs: dict[str, Any] = {
        "application_name": "payments-ingest",
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,  # milliseconds until unacknowledged data gives the connection up
    }
    if settings.postgres_auth is PostgresAuth.PASSWORD:
        return LimitedConnection, kwargs
    # Arguments win over the connection string, so that what it says must be said again: EntraConnection would log in
    # under the identity's name, and TLS must be required but never made weaker than verify-full.
    given = conninfo_to_dict(settings.postgres_dsn.get_secret_value())
    kwargs |= {"sslmode": "require", "credential": credential(settings)}
    kwargs |= {name: value for name, value in given.items() if name in {"user", "sslmode"}}
    return LimitedEntraConnection, kwargs


def open_container(settings: ArchiveSettings, name: str | None = None) -> ContainerClient:
    """A container of the account (without a name the archive's), by managed identity or by connection string."""
    if settings.archive_connection_string is not None:
        connection_string = settings.archive_connection_string.get_secret_value()
        service = BlobServiceClient.from_connection_string(connection_string, **_BLOB_LIMITS)
    else:
        account_url = cast("str", settings.archive_account_url)  # ArchiveSettings has one of the two
        service = BlobServiceClient(account_url, credential=credential(settings), **_BLOB_LIMITS)
    return service.get_container_client(name or settings.archive_container)


def database_answers(pool: Pool) -> bool:
    """Whether PostgreSQL can be reached and written to at all."""
    try:
        with transaction(pool, _PROBE_SECONDS) as connection:
            read_only = connection.execute("SELECT current_setting('transaction_read_only')").fetchall()
            return read_only == [("off",)]
    except StorageError:
        return False


def container_answers(container: ContainerClient) -> bool:
    """Whether Blob Storage can be reached at all."""
    try:
        with blob_errors("look at the container"):
            container.get_container_properties()
    except StorageError:
        return False
    return True
