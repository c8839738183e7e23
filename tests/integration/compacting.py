"""An archive to compact: batches of several partitions and hours, and what is in it, row by row."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from payments_storage.compact.compact import Compactor
from payments_storage.compact.removal import Removal
from payments_storage.compact.report import Report
from payments_storage.raw_event import from_parquet

from .events import NOON, Message, body, messages, rfc3339
from .system import System

GRACE: Final = timedelta(hours=24)
PARTITIONS: Final = 3
_LATE_EVERY: Final = 7


def batch(number: int, size: int = 20) -> list[Message]:
    """Events of one minute of its own; every seventh is hours late. Card numbers, to be masked, in some."""
    first = number * size
    arrived = NOON + timedelta(minutes=7 * number)
    made = []
    for event in range(first, first + size):
        late = timedelta(hours=event % 5) if event % _LATE_EVERY == 0 else timedelta(seconds=event % 60)
        fields: dict[str, Any] = {"occurred_at": rfc3339(arrived - late), "fee_amount": "0.10"}
        if event % 10 == 0:
            fields["note"] = "4111111111111111"
        made.append(body(event, **fields))
    return messages(made, number // PARTITIONS * size, arrived)


def deliver(system: System, *numbers: int) -> None:
    for number in numbers:
        system.deliver(batch(number), partition=str(number % PARTITIONS))


def compact(system: System, **options: Any) -> Report:
    report = Report()
    pipeline = system.runtime.pipeline
    Compactor(pipeline.pool, pipeline.container, pipeline.file_system).run(report, **options)
    return report


def remove(system: System, age: timedelta = GRACE + timedelta(minutes=1)) -> Report:
    """As it would be done `age` from now."""
    report = Report()
    pipeline = system.runtime.pipeline
    Removal(pipeline.pool, pipeline.container, GRACE, now=lambda: datetime.now(UTC) + age).run(report, math.inf)
    return report


def archived(system: System, state: str = "active") -> list[dict[str, Any]]:
    """Every row of the files that count, all columns, in an order of its own: read by plain pyarrow, file by file."""
    rows = []
    for (path,) in system.rows("SELECT path FROM raw_event_files WHERE state = %s", state):
        rows += from_parquet(system.container.download_blob(path).readall()).to_pylist()
    return sorted(rows, key=lambda row: (row["event_id"], row["occurred_at"]))


def blobs(system: System, prefix: str = "raw_events/") -> set[str]:
    return set(system.container.list_blob_names(name_starts_with=prefix))


def tables(system: System) -> dict[str, Any]:
    """Everything in PostgreSQL but the manifest."""
    dump = system.dump()
    return {name: rows for name, rows in dump.items() if name not in ("raw_event_files", "blobs")}
