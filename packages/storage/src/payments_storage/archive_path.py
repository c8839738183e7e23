"""Which events go into which archive file, and under what name: pure functions.

The name comes from the file's first event alone, so that a retry of the same events writes the same name.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.split import split_by_most

ROOT: Final = "raw_events"
DAYS_AT_MOST: Final = 32
"""Of one transaction: each is a file. A batch of thousands of days must not hold up its partition."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """The events of one day, and the path of their file in the container."""

    path: str
    events: pa.Table


def day_folder(day: date) -> str:
    """The Hive partition of a day (UTC) of `occurred_at`."""
    return f"{ROOT}/yyyy={day:%Y}/mm={day:%m}/dd={day:%d}"


def archive_path(day: date, enqueued_at: datetime, partition_id: str, sequence_number: int) -> str:
    """The path of a file whose first event was enqueued then and there."""
    stamp = enqueued_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    return f"{day_folder(day)}/events_{stamp}_p{_UNSAFE.sub('_', partition_id)}-{sequence_number}.parquet"


def plan_files(events: pa.Table) -> list[PlannedFile]:
    """One file for each day (UTC) on which an event occurred; events keep their order."""
    days = events["occurred_at"].cast(pa.date32())
    files = []
    found = pc.unique(days)
    for day in found:
        of_day = events.filter(pc.equal(days, day)) if len(found) > 1 else events
        first = of_day.slice(0, 1).select(["enqueued_at", "partition_id", "sequence_number"]).to_pylist()[0]
        path = archive_path(day.as_py(), first["enqueued_at"], first["partition_id"], first["sequence_number"])
        files.append(PlannedFile(path, of_day))
    return files


def split_by_days(events: pa.Table, at_most: int = DAYS_AT_MOST) -> tuple[pa.Table, pa.Table]:
    """The events of the days (UTC) that have most of them, so many days at most, and the others; in their order."""
    return split_by_most(events, events["occurred_at"].combine_chunks().cast(pa.date32()), at_most)
