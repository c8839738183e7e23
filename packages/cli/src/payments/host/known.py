"""What the database knows of a hub: when its events arrived, and which of them failed."""

from datetime import datetime
from typing import Any

from payments.errors import UserError
from payments_storage.connect import open_connection
from payments_storage.errors import StorageError
from payments_storage.report import report
from payments_storage.settings import StorageSettings


def enqueue_time_of(hub_name: str) -> datetime | None:
    """A file that comes again must take the positions it had.

    None where no bad line of this hub is known; its good ones are known by their ids, whenever they arrive.
    """
    rows = _ask("arrival_of_hub", {"event_hub": hub_name})
    arrival: datetime | None = rows[0][0]
    return arrival


def failures_of(hub_names: list[str]) -> dict[str, int]:
    """Error code -> failed events of these hubs, the most frequent first."""
    return dict(_ask("failures_of_hubs", {"event_hubs": hub_names}))


def _ask(question: str, parameters: dict[str, Any]) -> list[Any]:
    settings = StorageSettings.load()
    try:
        with open_connection(settings) as connection:
            return report(connection, question, parameters).rows
    except StorageError as error:
        raise UserError(
            f"The table failed_items cannot be read. {error}.\nCheck POSTGRES_DSN and run `payments migrate`; "
            "`payments services up` starts PostgreSQL on this machine."
        ) from error
