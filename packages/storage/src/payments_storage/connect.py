"""Opens what the settings describe: the PostgreSQL pool and the container of the archive."""

from typing import Any, Final, cast

from azure.core.credentials import TokenCredential
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure_postgresql_auth.psycopg3 import EntraConnection
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from payments_storage.errors import database_errors
from payments_storage.settings import PostgresAuth, StorageSettings

Pool = ConnectionPool[Connection[Any]]

# Seconds. The upload runs inside the transaction, which may be idle for a minute (database/migrations); the SDK's own
# retries would take longer. With these it gives up within half that, and the host delivers the batch again.
_BLOB_LIMITS: Final[dict[str, Any]] = {
    "connection_timeout": 5,
    "read_timeout": 10,
    "retry_total": 2,
    "initial_backoff": 0.5,
    "increment_base": 2,
    "random_jitter_range": 0.5,
}


def credential(settings: StorageSettings) -> TokenCredential:
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
        open=True,
        name="payments-ingest",
    )


def _login(settings: StorageSettings) -> tuple[type[Connection[Any]], dict[str, Any]]:
    kwargs: dict[str, Any] = {
        "application_name": "payments-ingest",
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    if settings.postgres_auth is PostgresAuth.PASSWORD:
        return Connection, kwargs
    # Arguments win over the connection string, so that what it says must be said again: EntraConnection would log in
    # under the identity's name, and TLS must be required but never made weaker than verify-full.
    given = conninfo_to_dict(settings.postgres_dsn.get_secret_value())
    kwargs |= {"sslmode": "require", "credential": credential(settings)}
    kwargs |= {name: value for name, value in given.items() if name in {"user", "sslmode"}}
    return EntraConnection, kwargs


def open_container(settings: StorageSettings) -> ContainerClient:
    """The archive's container, by managed identity or by connection string."""
    if settings.archive_connection_string is not None:
        connection_string = settings.archive_connection_string.get_secret_value()
        service = BlobServiceClient.from_connection_string(connection_string, **_BLOB_LIMITS)
    else:
        account_url = cast("str", settings.archive_account_url)  # StorageSettings has one of the two
        service = BlobServiceClient(account_url, credential=credential(settings), **_BLOB_LIMITS)
    return service.get_container_client(settings.archive_container)
