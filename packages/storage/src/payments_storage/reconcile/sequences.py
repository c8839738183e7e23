"""Sequence numbers: each between the first and the last of a day has been dealt with, or waits in a dead letter."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from typing import Final

import pyarrow as pa

from payments_storage.reconcile.findings import Check, Kind
from payments_storage.reconcile.snapshot import Snapshot
from payments_storage.reconcile.span import Span
from payments_storage.sql import load_queries

_SQL: Final = load_queries("reconcile")

_Place = tuple[str, str, date]
_HUB_DIGITS: Final = 8


class Recorded:
    """Which numbers are recorded as dealt with, by hub, partition and enqueue day. Every archived event must be."""

    def __init__(self, snapshot: Snapshot, span: Span, check: Check) -> None:
        self._check = check
        self._ranges: dict[_Place, list[tuple[int, int]]] = {}
        for *place, numbers in snapshot.each(_SQL["sequences"], day=span.day):
            self._ranges[tuple(place)] = [(part.lower, part.upper - 1) for part in numbers]

    def look_up(self, hub: str, events: pa.Table) -> None:
        """Names the events whose numbers are not recorded."""
        self._check.saw("archived positions", events.num_rows)
        table = pa.table(
            {
                "partition": events["partition_id"],
                "day": events["enqueued_at"].cast(pa.date32()),
                "number": events["sequence_number"],
            }
        )
        extent = table.group_by(["partition", "day"], use_threads=False).aggregate(
            [("number", "min"), ("number", "max")]
        )
        columns = (extent[name].to_pylist() for name in ("partition", "day", "number_min", "number_max"))
        if all(self._has((hub, partition, day), low, high) for partition, day, low, high in zip(*columns, strict=True)):
            return
        for row in table.to_pylist():
            if not self._has((hub, row["partition"], row["day"]), row["number"], row["number"]):
                where = f"{hub}, partition {row['partition']}, {row['day']}"
                self._check.differs(Kind.POSITION_NOT_RECORDED, where, "recorded", f"archived {row['number']}")

    def _has(self, place: _Place, low: int, high: int) -> bool:
        ranges = self._ranges.get(place, [])
        index = bisect_right(ranges, low, key=lambda part: part[0]) - 1
        return index >= 0 and high <= ranges[index][1]


def check_sequences(snapshot: Snapshot, span: Span, letters: Iterable[str], check: Check) -> None:
    """`span` is taken as a span of enqueue times here; `letters` are the names of dead letters that wait."""
    for hub, partition, numbers in snapshot.rows(_SQL["sequence_gaps"], day=span.day):
        check.saw("gaps")
        for first, last in _without(numbers.lower, numbers.upper - 1, _of_letters(hub, partition, letters)):
            where = f"{hub}, partition {partition}, {span.day}"
            check.differs(Kind.SEQUENCE_GAP, where, f"{first} to {last}", "never dealt with")
    for hub, partition, number, stage in snapshot.rows(
        _SQL["failed_positions_not_recorded"], start=span.start, end=span.end
    ):
        where = f"{hub}, partition {partition}, {span.day}"
        check.differs(Kind.POSITION_NOT_RECORDED, where, "recorded", f"{number} in failed_items, stage {stage}")


def _of_letters(hub: str, partition: str, letters: Iterable[str]) -> list[tuple[int, int]]:
    """The numbers that wait in dead letters of this partition, sorted; their names tell (`dead_letters`)."""
    digest = sha256(hub.encode()).hexdigest()[:_HUB_DIGITS]
    pattern = re.compile(rf"-{digest}_p{re.escape(partition)}-(\d+)-(\d+)(?:_[0-9a-f]{{8}})?\.parquet$")
    found = (pattern.search(name) for name in letters)
    return sorted((int(match[1]), int(match[2])) for match in found if match)


def _without(first: int, last: int, explained: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of a gap."""
    left = []
    for low, high in explained:
        if low > first:
            left.append((first, min(low - 1, last)))
        first = max(first, high + 1)
        if first > last:
            return left
    return [*left, (first, last)]
