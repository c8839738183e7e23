"""Looks up when the events of a hub arrived before: a file that comes again must take the positions it had."""

from datetime import datetime

from payments.errors import UserError
from payments_storage.connect import open_pool
from payments_storage.errors import StorageError, database_errors
from payments_storage.settings import StorageSettings

_SQL = "SELECT min(enqueued_at) FROM failed_items WHERE event_hub = %s"


def enqueue_time_of(hub_name: str) -> datetime | None:
    """None where no bad line of this hub is known; its good ones are known by their ids, whenever they arrive."""
    settings = StorageSettings.load()
    try:
        with open_pool(settings) as pool, database_errors(), pool.connection() as connection:
            row = connection.execute(_SQL, [hub_name]).fetchone()
    except StorageError as error:
        raise UserError(
            f"The table failed_items cannot be read. {error}.\nCheck POSTGRES_DSN and run `payments migrate`; "
            "`payments services up` starts PostgreSQL on this machine."
        ) from error
    return row[0] if row else None
