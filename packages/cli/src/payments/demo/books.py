"""Do the books agree? Recomputes in plain Python, from the archive, what the tables say; compares to the last digit.

Nothing here is shared with the pipeline: it would be no proof if the same code were on both sides.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from psycopg import Connection

from payments_storage.report import report

_MINUTE = timedelta(minutes=1)
_KEY = ("payment_method", "currency", "payment_status")


@dataclass(frozen=True, slots=True)
class Check:
    """One equation of the books: what must equal what, the two values, and whether they do."""

    statement: str
    left: object
    right: object

    @property
    def holds(self) -> bool:
        return self.left == self.right


def check_books(source: Path, archive: ds.Dataset, connection: Connection[Any]) -> list[Check]:
    """The equations for one file that was ingested into empty stores."""
    counts = dict(zip(*_only_row(connection), strict=True))
    columns = ["event_id", "occurred_at", "amount", *_KEY]
    events = archive.to_table(columns=columns)
    ids = set(events["event_id"].to_pylist())
    failed = {digest for (digest,) in report(connection, "failed_bodies").rows}
    lines, duplicates = _count_lines(source, failed)
    recomputed = _recompute(events.select(["occurred_at", "amount", *_KEY]).to_batches())
    stored = {tuple(row[:4]): tuple(row[4:]) for row in report(connection, "payment_metrics_5m").rows}
    differing = [key for key in recomputed.keys() | stored.keys() if recomputed.get(key) != stored.get(key)]
    rows = events.num_rows
    checks = [
        Check("events in = archived + exact duplicates + failed", lines, rows + duplicates + counts["failed_items"]),
        Check("rows in the archive = distinct event ids in it", rows, len(ids)),
        Check("rows in the archive = ingested_events", rows, counts["ingested_events"]),
        Check("rows in the archive = rows that the manifest claims", rows, counts["manifest_rows"]),
        Check("files in the archive = files in the manifest", len(archive.files), counts["manifest_files"]),
        Check("rows in the archive = sum of payment_metrics_5m.total_count", rows, counts["payments_counted"]),
        Check("rows of payment_metrics_5m that differ from the archive", 0, len(differing)),
    ]
    for length, metrics in report(connection, "events_by_window_length").rows:
        statement = f"dynamic_metrics = events in aggregate_histograms, windows of {length // _MINUTE} min"
        checks.append(Check(statement, counts["dynamic_metrics"], metrics))
    return checks


def _only_row(connection: Connection[Any]) -> tuple[list[str], tuple[Any, ...]]:
    counts = report(connection, "counts")
    return counts.columns, counts.rows[0]


def _count_lines(source: Path, failed: set[bytes]) -> tuple[int, int]:
    """Lines of the file, and those of them that repeat an earlier line which did not fail, byte for byte."""
    seen: set[bytes] = set()
    lines = duplicates = 0
    with source.open("rb") as file:
        for line in file:
            digest = sha256(line.rstrip(b"\r\n")).digest()
            lines += 1
            duplicates += digest in seen and digest not in failed
            seen.add(digest)
    return lines, duplicates


def _recompute(batches: Iterable[Any]) -> dict[tuple[Any, ...], tuple[int, Decimal, Decimal, Decimal]]:
    totals: dict[tuple[Any, ...], tuple[int, Decimal, Decimal, Decimal]] = {}
    with localcontext(prec=60):
        for batch in batches:
            for occurred_at, amount, *key in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                window = (_five_minutes(occurred_at), *key)
                count, total, low, high = totals.get(window, (0, Decimal(0), amount, amount))
                totals[window] = (count + 1, total + amount, min(low, amount), max(high, amount))
    return totals


def _five_minutes(instant: datetime) -> datetime:
    return instant - timedelta(minutes=instant.minute % 5, seconds=instant.second, microseconds=instant.microsecond)
