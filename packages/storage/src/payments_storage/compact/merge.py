"""Which event goes into which run of a compacted file: pure, and in bounded memory.

A stream of events, about as they arrived, becomes runs: each of one hour, the runs of the main stream one after the
other in time, and within a run by transaction. What comes too late for its place waits, so that a few late events do
not stretch every run over hours; it makes runs of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.event import TIMESTAMP

RUN_EVENTS: Final = 1 << 18
_PARTS: Final = 8
_HOUR: Final = timedelta(hours=1)
_KEYS: Final = ["transaction_id", "occurred_at", "event_id"]


@dataclass(frozen=True, slots=True)
class Run:
    """Events that all occurred in this hour (UTC), and the order in which they are to be written."""

    hour: datetime
    events: pa.Table
    order: pa.Array

    def tables(self, rows: int) -> Iterator[pa.Table]:
        """The events in their order, so many at a time: the whole run is never there twice."""
        for first in range(0, self.events.num_rows, rows):
            yield self.events.take(self.order.slice(first, rows))


class Merge:
    """Holds at most two runs, what was added last, and one run of late events."""

    def __init__(self, late_before: datetime | None, run_events: int = RUN_EVENTS) -> None:
        """Events from before `late_before` are late from the start."""
        self._watermark = late_before
        self._run_events = run_events
        self._new: list[pa.Table] = []
        self._main: list[pa.Table] = []
        self._late: list[pa.Table] = []

    def add(self, events: pa.Table) -> Iterator[Run]:
        """The runs that are ready then."""
        self._new.append(events)
        if _count(self._new) >= self._run_events // _PARTS:
            yield from self._take_in()

    def _take_in(self) -> Iterator[Run]:
        """Many small tables at once: each costs as much as a large one."""
        events = pa.concat_tables(self._new).combine_chunks()
        self._new = []
        if self._watermark is not None:
            late, events = _cut(events, self._watermark)
            if late.num_rows:  # an empty slice would keep the whole table in memory
                self._late.append(late)
        if events.num_rows:
            self._main.append(events)
        while _count(self._main) >= 2 * self._run_events:
            yield self._first_run()
        if _count(self._late) >= self._run_events:
            yield from self._late_runs()

    def rest(self) -> Iterator[Run]:
        """What is left."""
        if self._new:
            yield from self._take_in()
        while _count(self._main):
            yield self._first_run()
        yield from self._late_runs()

    def _first_run(self) -> Run:
        times = pa.concat_tables([events.select(["occurred_at"]) for events in self._main])["occurred_at"]
        hour = _hour(pc.min(times).as_py())
        end = hour + _HOUR
        if len(times) > self._run_events:
            end = min(end, _end_of(times.combine_chunks(), self._run_events))
        pairs = [_cut(events, end) for events in self._main]
        self._main = [after for _, after in pairs if after.num_rows]
        self._watermark = end if self._watermark is None else max(end, self._watermark)
        return _by_transaction(hour, [before for before, _ in pairs])

    def _late_runs(self) -> Iterator[Run]:
        """A run for each hour of which there is something."""
        while _count(self._late):
            hour = _hour(min(pc.min(events["occurred_at"]).as_py() for events in self._late))
            pairs = [_cut(events, hour + _HOUR) for events in self._late]
            self._late = [after for _, after in pairs if after.num_rows]
            yield _by_transaction(hour, [before for before, _ in pairs])


def _count(tables: list[pa.Table]) -> int:
    return sum(table.num_rows for table in tables)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _end_of(times: pa.Array, count: int) -> datetime:
    """When a run ends of `count` events, or of all that occurred at one moment where these are more."""
    moment = times[pc.partition_nth_indices(times, pivot=count)[count].as_py()]
    earlier: datetime = moment.as_py()
    return earlier if pc.any(pc.less(times, moment)).as_py() else earlier + timedelta.resolution


def _cut(events: pa.Table, moment: datetime) -> tuple[pa.Table, pa.Table]:
    """The events before the moment, and the others; whole tables, as most are, are not copied."""
    before = pc.less(events["occurred_at"], pa.scalar(moment, TIMESTAMP))
    count = pc.sum(before).as_py() or 0
    if count in (0, events.num_rows):
        return events.slice(0, count), events.slice(count)
    return events.filter(before), events.filter(pc.invert(before))


def _by_transaction(hour: datetime, tables: list[pa.Table]) -> Run:
    events = pa.concat_tables(tables).combine_chunks()  # one copy more, and half the time of a take from many chunks
    return Run(hour, events, pc.sort_indices(events.select(_KEYS), sort_keys=[(name, "ascending") for name in _KEYS]))
