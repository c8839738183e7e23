"""Failed items as the tests of their partitions write them, with the statements that the ingest and people use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import date

    import psycopg

INSERT: Final = (
    "INSERT INTO failed_items (stage, error_code, message, payload, event_hub, partition_id, sequence_number, "
    "enqueued_at) VALUES ('decode', 'not_json', 'why', 'x', 'hub', '0', %s, %s) "
    "ON CONFLICT (event_hub, partition_id, sequence_number, enqueued_at) DO NOTHING"
)


def fail(connection: psycopg.Connection[Any], number: int, enqueued_at: date | datetime) -> bool:
    """Whether the position was new."""
    return connection.execute(INSERT, [number, _time(enqueued_at)]).rowcount == 1


def resolve(connection: psycopg.Connection[Any], number: int, resolved_at: date) -> None:
    connection.execute(
        "UPDATE failed_items SET status = 'replayed', resolved_at = %s WHERE sequence_number = %s",
        [_time(resolved_at), number],
    )


def places(connection: psycopg.Connection[Any]) -> dict[int, str]:
    """Sequence number of each entry -> the partition it is in."""
    return dict(connection.execute("SELECT sequence_number, tableoid::regclass::text FROM failed_items").fetchall())


def partition(day: date) -> str:
    return f"failed_items_{day:%Y%m}01"


def month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _time(day: date | datetime) -> datetime:
    return day if isinstance(day, datetime) else datetime(day.year, day.month, day.day, tzinfo=UTC)
