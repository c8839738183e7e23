"""What only looks like damage is none: files and letters that wait, forgotten ids, young files, writers at work."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from payments_storage.dead_letters import PARKED
from payments_storage.errors import PermanentStorageError
from payments_storage.reconcile.span import Span

from .events import DAY, NOON, TODAY, bodies, body, messages, rfc3339
from .reconciling import DAY_SPAN, LATER, counted, defer, delivery_of, named, notes, reconcile, traffic
from .system import System, decode

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

PLACE = f"payments, partition 0, {TODAY:%F}"


def test_events_whose_archive_file_waits_count_from_where_they_wait(system: System) -> None:
    system.deliver(traffic())
    defer(system, messages(bodies([20, 21], amount="5.00"), first=len(traffic())))
    findings = reconcile(system)
    assert named(findings) == []
    assert findings["files"].compared["events that wait for their file"] == 2
    assert findings["index"].compared == {"archived events": 8, "indexed events": 8}


def test_a_waiting_event_that_somebody_discards_is_missing_in_the_archive(system: System) -> None:
    defer(system, messages(bodies([1])))
    system.owner_does(
        "UPDATE failed_items SET status = 'discarded', resolved_at = now(), resolution = 'x', next_attempt_at = NULL"
    )
    assert named(reconcile(system))[0][0] == "event_not_archived"


def test_a_reader_reconciles_as_well_unless_payloads_are_needed(
    database: "Database", archive_container: "ArchiveContainer", system: System
) -> None:
    system.deliver(traffic())
    with System(replace(database, dsn=database.analyst_dsn), archive_container) as reader:
        assert named(reconcile(reader)) == []
        defer(system, messages(bodies([20]), first=20))
        with pytest.raises(PermanentStorageError, match=r"1 events wait .* member of payments_writer"):
            reconcile(reader)


def test_sequence_numbers_that_were_never_dealt_with_are_a_gap(system: System) -> None:
    system.deliver(messages(bodies(range(3))))
    system.deliver(messages(bodies([7]), first=7))
    system.deliver(messages(bodies([9]), first=9))
    assert named(reconcile(system)) == [
        ("sequence_gap", PLACE, "3 to 6", "never dealt with"),
        ("sequence_gap", PLACE, "8 to 8", "never dealt with"),
    ]


def test_a_dead_letter_explains_the_numbers_that_it_holds_and_no_others(system: System) -> None:
    system.deliver(messages(bodies(range(3))))
    system.deliver(messages(bodies([9]), first=9))
    system.runtime.pipeline.dead_letters.put(delivery_of(messages(bodies(range(4, 7)), first=4)), "down")
    system.runtime.pipeline.dead_letters.put(delivery_of(messages(bodies(range(3, 9)), first=3), hub="other"), "down")
    system.runtime.pipeline.dead_letters.put(delivery_of(messages(bodies(range(3, 9)), first=3), "1"), "down")
    assert named(reconcile(system)) == [
        ("sequence_gap", PLACE, "3 to 3", "never dealt with"),
        ("sequence_gap", PLACE, "7 to 8", "never dealt with"),
    ]


def test_a_parked_part_explains_its_numbers(system: System) -> None:
    system.deliver(messages(bodies(range(3))))
    system.deliver(messages(bodies([9]), first=9))
    scattered = [message for message in messages(bodies(range(3, 9)), first=3) if message.sequence_number not in (5, 6)]
    system.runtime.pipeline.dead_letters.put(delivery_of(scattered), "many keys", PARKED)
    assert named(reconcile(system)) == []


def test_a_gap_over_midnight_belongs_to_both_days(system: System) -> None:
    system.deliver(messages(bodies([1]), first=1, enqueued_at=NOON - DAY))
    system.deliver(messages(bodies([4]), first=4))
    for span in (DAY_SPAN, Span(DAY_SPAN.start - DAY, DAY_SPAN.start)):
        assert [each[2] for each in named(reconcile(system, span))] == ["2 to 3"]


def test_a_gap_over_days_on_which_nothing_arrived_is_found_when_something_does(system: System) -> None:
    """As after an outage that was longer than the hub keeps events."""
    system.deliver(messages(bodies([1]), first=1, enqueued_at=NOON - 4 * DAY))
    system.deliver(messages(bodies([2]), first=2, enqueued_at=NOON - 3 * DAY))
    system.deliver(messages(bodies([9]), first=9))
    assert named(reconcile(system)) == [("sequence_gap", PLACE, "3 to 8", "never dealt with")]


def test_days_on_which_nothing_arrived_are_no_gap(system: System) -> None:
    system.deliver(messages(bodies([1]), first=1, enqueued_at=NOON - 4 * DAY))
    system.deliver(messages(bodies([2]), first=2))
    for days in range(5):
        assert named(reconcile(system, Span(DAY_SPAN.start - days * DAY, DAY_SPAN.end - days * DAY))) == []


def test_a_hub_that_was_made_anew_begins_again_without_a_gap(system: System) -> None:
    system.deliver(messages(bodies([100]), first=100, enqueued_at=NOON - DAY))
    system.deliver(messages(bodies([1]), first=1))
    assert named(reconcile(system)) == []


@pytest.mark.parametrize("stage", ["archive", "failed"])
def test_a_position_that_counts_or_failed_is_recorded(system: System, stage: str) -> None:
    system.deliver(traffic())
    number = 3 if stage == "archive" else 7
    numbers = f"int8multirange(int8range({number}, {number + 1}))"
    system.owner_does(f"UPDATE ingested_sequences SET sequence_numbers = sequence_numbers - {numbers}")  # noqa: S608
    found = "archived 3" if stage == "archive" else "7 in failed_items, stage decode"
    assert sorted(named(reconcile(system)), key=str) == [
        ("position_not_recorded", PLACE, "recorded", found),
        ("sequence_gap", PLACE, f"{number} to {number}", "never dealt with"),
    ]


def test_an_orphan_is_listed_and_removed_on_request_and_a_young_one_is_left_alone(system: System) -> None:
    system.deliver(traffic())
    folder = f"raw_events/yyyy={TODAY:%Y/mm=%m/dd=%d}"
    counting = set(system.container.list_blob_names())
    system.container.upload_blob(f"{folder}/events_left.parquet", b"left")
    young = reconcile(system, age=timedelta(), fix=True)
    assert (named(young), young["orphans"].compared) == ([], {"files": 2, "too young to judge": 1})
    assert named(reconcile(system)) == [("orphan_file", f"{folder}/events_left.parquet", None, "4 bytes")]
    removed = named(reconcile(system, fix=True))
    assert removed == [("orphan_file", f"{folder}/events_left.parquet", None, "4 bytes, removed")]
    assert set(system.container.list_blob_names()) == counting
    assert named(reconcile(system)) == []


def test_ids_past_the_dedup_window_are_not_compared_and_that_is_said(system: System) -> None:
    old = NOON - 12 * DAY
    batch = messages([body(1, occurred_at=rfc3339(old)), body(2, occurred_at=rfc3339(old))], enqueued_at=old)
    system.deliver(batch[:1])
    late = messages([batch[1].body], first=1)
    system.deliver(late)
    system.owner_does("DELETE FROM ingested_events WHERE enqueued_on < current_date - 8")
    findings = reconcile(system, Span.of_day(old.date()))
    assert named(findings) == []
    assert findings["index"].compared == {"forgotten events": 1, "archived events": 1, "indexed events": 1}
    assert "DEDUP_WINDOW_DAYS" in notes(findings)
    system.owner_does("DELETE FROM ingested_events")
    assert counted(reconcile(system, Span.of_day(old.date()))) == {"index": 1}


def test_metrics_past_retention_are_not_compared_and_that_is_said(system: System) -> None:
    old = NOON - 100 * DAY
    system.deliver(messages([body(1, occurred_at=rfc3339(old))], enqueued_at=old))
    system.owner_does("DELETE FROM dynamic_metrics; DELETE FROM ingested_events")
    findings = reconcile(system, Span.of_day(old.date()))
    assert named(findings) == []
    assert "METRICS_RETENTION_DAYS" in notes(findings)
    assert not findings["metrics"].compared


def test_an_id_on_two_days_is_no_difference_but_worth_a_note(system: System) -> None:
    system.deliver(messages([body(1), body(1, occurred_at=rfc3339(NOON - DAY))]))
    findings = reconcile(system)
    assert named(findings) == []
    assert "1 event ids of" in notes(findings)


def test_of_a_part_of_a_day_each_archived_event_is_looked_up(system: System) -> None:
    system.deliver(messages([body(n, occurred_at=rfc3339(NOON + n * timedelta(minutes=1))) for n in range(12)]))
    span = Span(NOON + timedelta(minutes=5), NOON + timedelta(minutes=10))
    findings = reconcile(system, span)
    assert named(findings) == []
    assert findings["index"].compared == {"archived events": 5}
    assert findings["histograms"].compared == {"rows": 6, "values": 5}
    assert "windows of 1:00:00 that reach beyond" in notes(findings)
    system.owner_does("DELETE FROM ingested_events WHERE event_id::text LIKE '%a0000007'")
    system.owner_does("UPDATE ingested_events SET payload_hash = 1 WHERE event_id::text LIKE '%a0000008'")
    system.owner_does("UPDATE ingested_events SET payload_hash = 1 WHERE event_id::text LIKE '%a0000001'")
    kinds = [(kind, where[6:42]) for kind, where, *_ in named(reconcile(system, span))]
    assert sorted(kinds) == [
        ("event_differs", "00000000-0000-0000-0000-0000a0000008"),
        ("event_not_indexed", "00000000-0000-0000-0000-0000a0000007"),
    ]


@contextmanager
def ingesting(system: System) -> Iterator[Event]:
    """Another thread delivers batch after batch, each with late and repeated events. The event is set by the first."""
    stop, begun = Event(), Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(0, 10_000, 50):
                if stop.is_set():
                    return
                late = [body(number + n, occurred_at=rfc3339(NOON - DAY)) for n in range(40, 50)]
                batch = messages([*bodies(range(number, number + 40)), *late], first=number)
                system.deliver(batch)
                system.runtime.handler(decode(batch[:10]))
                begun.set()
        except BaseException as error:
            errors.append(error)
            raise

    thread = Thread(target=work)
    thread.start()
    try:
        assert begun.wait(30)
        yield begun
    finally:
        stop.set()
        thread.join()
        assert not errors


def test_stores_agree_at_any_moment_while_others_write(system: System, other_owner: System) -> None:
    seen = []
    with ingesting(other_owner):
        for _ in range(8):
            findings = reconcile(system, Span(DAY_SPAN.start - DAY, DAY_SPAN.end), age=timedelta())
            assert named(findings) == []
            seen.append(findings["payloads"].compared["events"])
    assert max(seen) > seen[0], "nobody wrote meanwhile"
    assert named(reconcile(system, age=LATER)) == []
