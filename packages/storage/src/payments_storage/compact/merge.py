"""Which event goes into which run of a compacted file: pure, and in bounded memory.

A stream of events, about as they arrived, becomes runs: each of one hour, the runs of the main stream one after the
other in time, and within a run by transaction. What comes too late for its place waits, so that a few late events do
not stretch every run over hours; it makes runs of its own.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.event import TIMESTAMP

RUN_EVENTS: Final = 1 << 18
_HOUR: Final = timedelta(hours=1)
_KEYS: Final = ["transaction_id", "occurred_at", "event_id"]

Run = tuple[datetime, pa.Table]
"""The hour (UTC) in which all of its events occurred, and they."""


class Merge:
    """Holds at most two runs, what was added last, and one run of late events."""

    def __init__(self, late_before: datetime | None, run_events: int = RUN_EVENTS) -> None:
        """Events from before `late_before` are late from the start."""
        self._watermark = late_before
        self._run_events = run_events
        self._main: list[pa.Table] = []
        self._late: list[pa.Table] = []

    def add(self, events: pa.Table) -> Iterator[Run]:
        """The runs that are ready then."""
        self._main.append(events)
        while _count(self._main) >= 2 * self._run_events:
            yield from self._first_run()

    def rest(self) -> Iterator[Run]:
        """What is left."""
        while _count(self._main):
            yield from self._first_run()
        yield from self._late_runs()

    def _first_run(self) -> Iterator[Run]:
        events = pa.concat_tables(self._main)
        places = pc.sort_indices(events["occurred_at"])
        times = events["occurred_at"].take(places)
        late = 0 if self._watermark is None else _before(times, self._watermark)
        self._put_aside(events, places[:late])
        if late < len(places):
            hour = _hour(times[late].as_py())
            end = min(_before(times, hour + _HOUR), late + self._run_events)
            # Events of the same time stay together, if they fit: then the times of two runs do not overlap.
            if end < len(places):
                end = max(_before(times, times[end].as_py()), late) if times[end] != times[late] else end
                self._watermark = times[end].as_py()
            yield hour, _by_transaction(events, places[late:end])
            self._main = [events.take(places[end:])]
        else:
            self._main = []
        if _count(self._late) >= self._run_events:
            yield from self._late_runs()

    def _put_aside(self, events: pa.Table, places: pa.Array) -> None:
        if len(places):
            self._late.append(events.take(places))

    def _late_runs(self) -> Iterator[Run]:
        """A run for each hour of which there is something."""
        if not self._late:
            return
        events = pa.concat_tables(self._late)
        self._late = []
        places = pc.sort_indices(events["occurred_at"])
        times = events["occurred_at"].take(places)
        start = 0
        while start < len(places):
            hour = _hour(times[start].as_py())
            end = _before(times, hour + _HOUR)
            yield hour, _by_transaction(events, places[start:end])
            start = end


def _count(tables: list[pa.Table]) -> int:
    return sum(table.num_rows for table in tables)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _before(times: pa.ChunkedArray, moment: datetime) -> int:
    """How many of the sorted times are before the moment."""
    return pc.sum(pc.less(times, pa.scalar(moment, TIMESTAMP))).as_py() or 0


def _by_transaction(events: pa.Table, places: pa.Array) -> pa.Table:
    keys = events.select(_KEYS).take(places)
    return events.take(places.take(pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in _KEYS])))
