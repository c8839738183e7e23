"""How a stream of events becomes runs: nothing lost, hours apart, times in order, and late events aside."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from payments_storage.compact.merge import Merge, Run
from payments_storage.raw_event import RAW_EVENT_SCHEMA

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def events(*offsets: timedelta, first: int = 0) -> pa.Table:
    """An event for each offset from noon; transactions run against time."""
    rows = [
        {
            "event_id": f"event-{number:04}",
            "transaction_id": f"txn-{9999 - number:04}",
            "event_type": "payment.captured",
            "occurred_at": NOON + offset,
            "amount": Decimal(number),
            "currency": "EUR",
            "payment_method": "card",
            "payment_status": "captured",
            "event_payload": "{}",
            "partition_id": "0",
            "sequence_number": number,
            "enqueued_at": NOON + offset,
            "redactions": 0,
        }
        for number, offset in enumerate(offsets, start=first)
    ]
    return pa.Table.from_pylist(rows, RAW_EVENT_SCHEMA)


Written = tuple[datetime, pa.Table]
"""The hour of a run, and its events as they are written."""


def merged(*tables: pa.Table, late_before: datetime | None = None, run_events: int = 4) -> list[Written]:
    merge = Merge(late_before, run_events)

    def runs() -> Iterator[Written]:
        for table in tables:
            yield from (written(run) for run in merge.add(table))
        yield from (written(run) for run in merge.rest())

    return list(runs())


def written(run: Run) -> Written:
    with ThreadPoolExecutor(1) as taker:
        return run.hour, pa.concat_tables(run.take_tables(3, taker))


def ids(runs: list[Written]) -> list[list[str]]:
    return [sorted(run["event_id"].to_pylist()) for _, run in runs]


def test_runs_follow_one_another_in_time_and_have_transactions_in_order() -> None:
    runs = merged(events(*(number * SECOND for number in (3, 1, 0, 2))), events(*(n * SECOND for n in (9, 8, 7, 6, 5))))
    extents = [pc.min_max(run["occurred_at"]).as_py() for _, run in runs]
    assert [run.num_rows for _, run in runs] == [4, 4, 1]
    assert all(before["max"] < after["min"] for before, after in pairwise(extents))
    for _, run in runs:
        assert run["transaction_id"].to_pylist() == sorted(run["transaction_id"].to_pylist())


def test_no_run_has_events_of_two_hours() -> None:
    runs = merged(events(59 * MINUTE, 60 * MINUTE, 61 * MINUTE, 120 * MINUTE - timedelta(microseconds=1)))
    assert [(hour, run.num_rows) for hour, run in runs] == [(NOON, 1), (NOON + HOUR, 3)]


def test_late_events_make_runs_of_their_own_and_stretch_no_other() -> None:
    # 09:00 |late|   12:00 |0 1 2 3 4 5 6 7|
    table = events(*(number * SECOND for number in range(8)), -3 * HOUR)
    runs = merged(table, late_before=NOON - 10 * MINUTE)
    assert [hour for hour, _ in runs] == [NOON, NOON, NOON - 3 * HOUR]
    assert ids(runs)[-1] == ["event-0008"]


def test_what_comes_behind_its_run_waits_for_the_end() -> None:
    runs = merged(events(*(number * SECOND for number in range(8))), events(SECOND, 20 * SECOND, first=100))
    assert ids(runs)[0] == [f"event-{number:04}" for number in range(4)]
    assert ids(runs)[-1] == ["event-0100"]


def test_events_of_one_moment_stay_together_even_if_they_are_more_than_a_run_has() -> None:
    assert [run.num_rows for _, run in merged(events(*[SECOND] * 9, 2 * SECOND))] == [9, 1]


@given(st.lists(st.lists(st.integers(-(4 * 3600), 4 * 3600), max_size=9), max_size=9), st.booleans())
def test_every_event_comes_out_once_and_in_its_hour(tables: list[list[int]], late: bool) -> None:  # noqa: FBT001
    given_tables = [
        events(*(second * SECOND for second in seconds), first=100 * number) for number, seconds in enumerate(tables)
    ]
    runs = merged(*given_tables, late_before=NOON if late else None)
    whole = pa.concat_tables([RAW_EVENT_SCHEMA.empty_table(), *given_tables]).sort_by("event_id")
    out = pa.concat_tables([RAW_EVENT_SCHEMA.empty_table(), *(run for _, run in runs)]).sort_by("event_id")
    assert out.equals(whole)
    for hour, run in runs:
        assert run.num_rows
        assert {time.replace(minute=0, second=0) for time in run["occurred_at"].to_pylist()} == {hour}
