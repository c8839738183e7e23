"""Questions to the archive: the right events and no others, however they are asked for, with and without a manifest."""

from dataclasses import replace
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from payments_storage.query.explain import Explain
from payments_storage.query.query import ArchiveQuery
from payments_storage.query.wanted import Wanted, WantedError
from payments_storage.raw_event import RAW_EVENT_SCHEMA, RawEvent
from payments_storage.settings import ArchiveSettings

from .archive import Archive
from .samples import NOON, raw_event, raw_events

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MANY = [
    raw_event(
        number,
        occurred_at=NOON + number * timedelta(hours=5),
        amount=Decimal(number) - 3,
        merchant_id=None if number % 3 == 0 else f"m-{number % 3}",
        payment_status="captured" if number % 2 else "refunded",
        correlation_id=f"0b7e0f52-5c1b-4d2e-8f6c-93a4ab3e9d{number:02}",
    )
    for number in range(20)
]
"""Twenty events over four days."""


def answer(settings: ArchiveSettings, wanted: Wanted, explain: Explain | None = None) -> list[RawEvent]:
    with ArchiveQuery.open(settings) as archive:
        return sorted(archive.retrieve(wanted, explain), key=lambda event: event.occurred_at)


@pytest.fixture
def many(archive: Archive) -> Archive:
    """MANY in a file a day."""
    for day in sorted({event.occurred_at.date() for event in MANY}):
        archive.write([event for event in MANY if event.occurred_at.date() == day])
    return archive


WANTED: list[tuple[Wanted, Any]] = [
    (Wanted(), lambda _: True),
    (Wanted(start=NOON + 5 * HOUR), lambda event: event.occurred_at >= NOON + 5 * HOUR),
    (Wanted(end=NOON + 5 * HOUR), lambda event: event.occurred_at < NOON + 5 * HOUR),
    (Wanted(NOON + HOUR, NOON + DAY), lambda event: NOON + HOUR <= event.occurred_at < NOON + DAY),
    (Wanted(NOON, NOON + 10 * HOUR), lambda event: event.occurred_at < NOON + 10 * HOUR),  # when a file's last occurred
    (Wanted(transaction_id="txn-4"), lambda event: event.transaction_id == "txn-4"),
    (Wanted(event_id=MANY[7].event_id), lambda event: event.event_id == MANY[7].event_id),
    (Wanted(correlation_id=MANY[8].correlation_id), lambda event: event.correlation_id == MANY[8].correlation_id),
    (Wanted(merchant_id="m-2"), lambda event: event.merchant_id == "m-2"),
    (Wanted(payment_status="refunded"), lambda event: event.payment_status == "refunded"),
    (Wanted(min_amount=Decimal("0.5"), max_amount=Decimal(4)), lambda event: Decimal("0.5") <= event.amount <= 4),
    (
        Wanted(NOON + DAY, NOON + 3 * DAY, merchant_id="m-1", min_amount=Decimal(5)),
        lambda event: (
            NOON + DAY <= event.occurred_at < NOON + 3 * DAY and event.merchant_id == "m-1" and event.amount >= 5
        ),
    ),
    (Wanted(transaction_id="nobody"), lambda _: False),
]


@pytest.mark.parametrize(("wanted", "fits"), WANTED, ids=[str(index) for index in range(len(WANTED))])
def test_every_condition_gives_the_events_that_fit_and_no_others(many: Archive, wanted: Wanted, fits: Any) -> None:
    due = [event for event in MANY if fits(event)]
    assert answer(many.settings, wanted) == due
    assert answer(many.blobs_only, wanted) == due


def test_a_range_may_have_any_offset_and_ends_before_its_end(many: Archive) -> None:
    tokyo = timezone(timedelta(hours=9))
    wanted = Wanted((NOON + 5 * HOUR).astimezone(tokyo), (NOON + 10 * HOUR).astimezone(tokyo))
    assert answer(many.settings, wanted) == [MANY[1]]


def test_only_the_columns_asked_for_come_and_in_their_order(many: Archive) -> None:
    for settings in (many.settings, many.blobs_only):
        with ArchiveQuery.open(settings) as archive:
            (batch,) = archive.query(Wanted(transaction_id="txn-4"), ["amount", "currency"])
        assert batch.schema.names == ["amount", "currency"]
        assert batch.to_pylist() == [{"amount": MANY[4].amount, "currency": "EUR"}]


def test_batches_have_the_types_of_the_archive(many: Archive) -> None:
    with ArchiveQuery.open(many.settings) as archive:
        tables = [pa.Table.from_batches([batch]) for batch in archive.query(Wanted())]
    assert [table.schema.types for table in tables] == [RAW_EVENT_SCHEMA.types] * len(tables)


def test_what_is_no_question_is_refused_before_anything_is_read(many: Archive) -> None:
    with pytest.raises(WantedError, match="before it begins"):
        Wanted(NOON, NOON)
    with pytest.raises(WantedError, match="no offset"):
        Wanted(NOON.replace(tzinfo=None))
    with pytest.raises(WantedError, match="no amount is at least 2 and at most 1"):
        Wanted(min_amount=Decimal(2), max_amount=Decimal(1))
    with ArchiveQuery.open(many.settings) as archive, pytest.raises(WantedError, match="no such column: iban"):
        archive.query(Wanted(), ["amount", "iban"])


def test_an_empty_archive_has_no_events(archive: Archive) -> None:
    assert answer(archive.settings, Wanted()) == answer(archive.blobs_only, Wanted()) == []


def test_other_days_and_files_of_other_times_are_not_opened(archive: Archive) -> None:
    for hours in range(-30, 30):
        archive.write([raw_event(occurred_at=NOON + hours * HOUR, event_id=str(hours))])
    explain = Explain()
    assert len(answer(archive.settings, Wanted(NOON, NOON + HOUR), explain)) == 1
    assert (explain.files_in_archive, explain.pruned_by_day, explain.pruned_by_times) == (60, 36, 23)
    assert (explain.files_of_days, explain.files_opened, explain.events) == (24, 1, 1)


def test_row_groups_are_skipped_by_their_statistics(archive: Archive) -> None:
    events = raw_events(1000)
    archive.write(events, row_group=100)
    explain = Explain()
    wanted = Wanted(events[250].occurred_at, events[260].occurred_at)
    assert answer(archive.settings, wanted, explain) == events[250:260]
    assert (explain.row_groups, explain.row_groups_pruned_by_statistics, explain.row_groups_read) == (10, 9, 1)


def test_of_row_groups_without_the_transaction_only_its_column_is_read(archive: Archive) -> None:
    """Ids of all row groups overlap here, as in a file that was not sorted by them."""
    events = [raw_event(number, transaction_id=f"txn-{number * 37 % 1000:03}") for number in range(1000)]
    archive.write(events, row_group=100)
    explain = Explain()
    assert answer(archive.settings, Wanted(transaction_id=events[250].transaction_id), explain) == [events[250]]
    assert explain.row_groups_pruned_by_statistics == 0
    assert (explain.row_groups_without_a_match, explain.row_groups_read) == (9, 1)


def test_what_the_manifest_does_not_count_is_no_part_of_the_answer(archive: Archive) -> None:
    archive.write([raw_event(1)])
    archive.write([raw_event(2)], counts=False)
    replaced = archive.write([raw_event(3)])
    archive.replace(replaced)
    assert answer(archive.settings, Wanted()) == [raw_event(1)]


def test_without_the_manifest_an_event_in_several_files_comes_once(archive: Archive) -> None:
    archive.write(raw_events(10))
    archive.write(raw_events(12), counts=False)
    next_day = replace(raw_event(3), occurred_at=NOON + DAY)  # by contract another event: ADR 0003
    archive.write([next_day])
    explain = Explain()
    assert answer(archive.blobs_only, Wanted(), explain) == [*raw_events(12), next_day]
    assert explain.repeats_dropped == 10
    assert "without PostgreSQL" in explain.source


def test_events_that_wait_for_their_file_are_counted_beside_the_answer(archive: Archive) -> None:
    archive.write([raw_event(1)])
    for number in (1, 2):
        archive.execute(
            "INSERT INTO failed_items (stage, error_code, message, payload, event_hub, partition_id, sequence_number, "
            "enqueued_at, transaction_id) "
            "VALUES ('archive', 'archive_unavailable', '', '', 'payments', '7', %s, now(), %s)",
            (number, f"txn-{number}"),
        )
    for wanted, waiting in ((Wanted(), 2), (Wanted(transaction_id="txn-2"), 1), (Wanted(transaction_id="txn-3"), 0)):
        explain = Explain()
        answer(archive.settings, wanted, explain)
        assert explain.waiting == waiting


def test_a_stream_that_is_not_taken_to_the_end_leaves_nothing_running(many: Archive) -> None:
    with ArchiveQuery.open(many.settings) as archive:
        events = archive.retrieve(Wanted())
        assert next(events) == MANY[0]
        events.close()  # type: ignore[attr-defined]


def test_of_a_file_whose_events_all_occurred_in_the_range_no_times_are_looked_at(many: Archive) -> None:
    def bytes_read(wanted: Wanted) -> int:
        explain = Explain()
        with ArchiveQuery.open(many.settings) as archive:
            for _ in archive.query(wanted, ["amount"], explain):
                pass
        return explain.bytes_read

    everything = bytes_read(Wanted())
    assert bytes_read(Wanted(NOON, NOON + 4 * DAY)) == everything
    assert bytes_read(Wanted(NOON + timedelta(microseconds=1), NOON + 4 * DAY)) > everything, "of one file they are"
