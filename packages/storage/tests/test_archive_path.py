"""Where an event's file lies follows from the event alone: its day in UTC, its partition, its place there."""

from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from payments_storage.archive_path import DAYS_AT_MOST, archive_path, day_folder, plan_files, split_by_days
from payments_storage.raw_event import RawEvent, to_table

from .samples import NOON, raw_event, raw_events

MIDNIGHT = datetime(2026, 3, 15, tzinfo=UTC)


def plan(*events: RawEvent) -> dict[str, list[int]]:
    """Path -> sequence numbers, in the order of the file."""
    return {file.path: file.events["sequence_number"].to_pylist() for file in plan_files(to_table(list(events)))}


def test_a_path_has_day_first_enqueue_time_partition_and_sequence_number() -> None:
    path = archive_path(date(2026, 3, 4), datetime(2026, 3, 5, 1, 2, 3, 45, tzinfo=UTC), "12", 9_876_543_210)
    assert path == "raw_events/yyyy=2026/mm=03/dd=04/events_20260305T010203000045Z_p12-9876543210.parquet"


def test_the_enqueue_time_in_a_name_is_utc_whatever_its_offset() -> None:
    here = datetime(2026, 3, 5, 1, tzinfo=timezone(timedelta(hours=2)))
    assert "events_20260304T230000000000Z_p0-1" in archive_path(date(2026, 3, 4), here, "0", 1)


def test_the_folder_is_the_day_in_utc_on_which_the_event_occurred_and_not_its_arrival() -> None:
    in_tokyo = datetime(2026, 3, 14, 3, tzinfo=timezone(timedelta(hours=9)))  # still the 13th in UTC
    (path,) = plan(raw_event(occurred_at=in_tokyo))
    assert path.startswith(f"{day_folder(date(2026, 3, 13))}/")


def test_events_of_several_days_make_one_file_a_day_each_in_delivery_order() -> None:
    day = timedelta(days=1)
    events = [raw_event(n, occurred_at=NOON + day * (n % 3)) for n in range(7)]
    assert plan(*events) == {
        "raw_events/yyyy=2026/mm=03/dd=14/events_20260314T120001000000Z_p7-100.parquet": [100, 103, 106],
        "raw_events/yyyy=2026/mm=03/dd=15/events_20260314T120001001000Z_p7-101.parquet": [101, 104],
        "raw_events/yyyy=2026/mm=03/dd=16/events_20260314T120001002000Z_p7-102.parquet": [102, 105],
    }


def test_a_day_begins_at_midnight_to_the_microsecond() -> None:
    events = raw_event(0, occurred_at=MIDNIGHT - timedelta(microseconds=1)), raw_event(1, occurred_at=MIDNIGHT)
    assert [(path[16:36], numbers) for path, numbers in plan(*events).items()] == [
        ("2026/mm=03/dd=14/eve", [100]),
        ("2026/mm=03/dd=15/eve", [101]),
    ]


def test_a_name_comes_from_the_first_event_alone_so_a_retry_with_more_or_fewer_events_writes_the_same_name() -> None:
    events = raw_events(5)
    assert set(plan(*events)) == set(plan(*events[:2])) == set(plan(events[0]))
    assert set(plan(*events)).isdisjoint(plan(*events[1:]))


@pytest.mark.parametrize(("partition_id", "written"), [("7", "p7-"), ("../x", "p___x-"), ("a/b c%", "pa_b_c_-")])
def test_a_partition_id_cannot_leave_its_folder(partition_id: str, written: str) -> None:
    (path,) = plan(raw_event(partition_id=partition_id))
    folder, _, name = path.rpartition("/")
    assert folder == day_folder(date(2026, 3, 14))
    assert written in name


def test_no_events_make_no_file() -> None:
    assert plan_files(to_table([])) == []


def test_a_table_in_chunks_is_planned_as_one() -> None:
    chunks = pa.concat_tables([to_table([raw_event(0)]), to_table([raw_event(1)])])
    (file,) = plan_files(chunks)
    assert file.events.num_rows == 2


def test_of_too_many_days_those_with_most_events_come_first_and_nothing_is_lost() -> None:
    day = timedelta(days=1)
    days = [0, 1, 1, 2, 3, 3, 3, 4]
    events = to_table([raw_event(n, occurred_at=NOON + day * number) for n, number in enumerate(days)])
    now, later = split_by_days(events, at_most=2)
    assert now["sequence_number"].to_pylist() == [101, 102, 104, 105, 106]
    assert later["sequence_number"].to_pylist() == [100, 103, 107]


def test_days_up_to_the_limit_are_left_as_they_are() -> None:
    events = to_table([raw_event(n, occurred_at=NOON + timedelta(days=n)) for n in range(DAYS_AT_MOST)])
    now, later = split_by_days(events)
    assert (now.equals(events), later.num_rows) == (True, 0)
