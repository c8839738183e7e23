"""Which event goes into which run of a compacted file: pure, and in bounded memory.

A stream of events, about as they arrived, becomes runs: each of one hour, the runs of the main stream one after the
other in time, and within a run by transaction. What comes too late for its place waits, so that a few late events do
not stretch every run over hours; it makes runs of its own.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.event import TIMESTAMP
from payments_storage.ahead import ahead

RUN_EVENTS: Final = 1 << 18
_PARTS: Final = 8
_AHEAD: Final = 2
_HOUR: Final = timedelta(hours=1)
_KEYS: Final = ["transaction_id", "occurred_at", "event_id"]


class Run:
    """Events that all occurred in this hour (UTC). They are put in order as they are written, by the writer's thread:
    meanwhile the next run is read, and no two of them are copied at a time.
    """

    def __init__(self, hour: datetime, parts: list[pa.Table]) -> None:
        self.hour = hour
        self._parts = parts

    @property
    def times(self) -> tuple[datetime, datetime]:
        """Of the earliest and the latest event."""
        extents = [pc.min_max(part["occurred_at"]).as_py() for part in self._parts if part.num_rows]
        return min(extent["min"] for extent in extents), max(extent["max"] for extent in extents)

    @property
    def rows(self) -> int:
        return _count(self._parts)

    def take_tables(self, rows: int, taker: ThreadPoolExecutor) -> Iterator[pa.Table]:
        """The events by transaction, so many at a time, while the next are taken. Only once: the run is empty then."""
        # One copy more, and half the time of a take from many chunks.
        events = pa.concat_tables(self._parts).combine_chunks()
        self._parts = []
        order = pc.sort_indices(events.select(_KEYS), sort_keys=[(name, "ascending") for name in _KEYS])
        places = [order.slice(first, rows) for first in range(0, events.num_rows, rows)]
        for _, taken in ahead(taker, events.take, places, _AHEAD):
            yield taken.result()


class Merge:
    """Holds at most two runs, what was added last, and one run of late events, beside the run that is written."""

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
            if late.num_rows:  # see _cut_all
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
        before, self._main = _cut_all(self._main, end)
        self._watermark = end if self._watermark is None else max(end, self._watermark)
        return Run(hour, before)

    def _late_runs(self) -> Iterator[Run]:
        """A run for each hour of which there is something."""
        while _count(self._late):
            hour = _hour(min(pc.min(events["occurred_at"]).as_py() for events in self._late))
            before, self._late = _cut_all(self._late, hour + _HOUR)
            yield Run(hour, before)


def _count(tables: list[pa.Table]) -> int:
    return sum(table.num_rows for table in tables)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _end_of(times: pa.Array, count: int) -> datetime:
    """When a run ends of `count` events, or of all that occurred at one moment where these are more."""
    moment = times[pc.partition_nth_indices(times, pivot=count)[count].as_py()]
    earlier: datetime = moment.as_py()
    return earlier if pc.any(pc.less(times, moment)).as_py() else earlier + timedelta.resolution


def _cut_all(tables: list[pa.Table], moment: datetime) -> tuple[list[pa.Table], list[pa.Table]]:
    """The same of many, without empty ones: an empty slice would keep its whole table in memory."""
    pairs = [_cut(events, moment) for events in tables]
    return [before for before, _ in pairs if before.num_rows], [after for _, after in pairs if after.num_rows]


def _cut(events: pa.Table, moment: datetime) -> tuple[pa.Table, pa.Table]:
    """The events before the moment, and the others; whole tables, as most are, are not copied."""
    before = pc.less(events["occurred_at"], pa.scalar(moment, TIMESTAMP))
    count = pc.sum(before).as_py() or 0
    if count in (0, events.num_rows):
        return events.slice(0, count), events.slice(count)
    return events.filter(before), events.filter(pc.invert(before))
