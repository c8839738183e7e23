"""The dead-letter queue on a real PostgreSQL: what filters choose, who may read what, and who gets a locked entry."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from payments_storage.connect import open_connection
from payments_storage.errors import PermanentStorageError
from payments_storage.failed_items import Chosen, FailedItems, Filters
from payments_storage.settings import PostgresAuth, StorageSettings

if TYPE_CHECKING:
    from conftest import Database

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
EVENT = "00000000-0000-0000-0000-0000a0000001"
# id, stage, code, status, hub, partition, sequence number, transaction, age in hours
ROWS = [
    (1, "decode", "not_json", "pending", "payments", "0", 9, None, 50),
    (2, "validate", "amount_too_fine", "pending", "payments", "0", 3, "txn-1", 5),
    (3, "validate", "amount_too_fine", "replayed", "payments", "1", 4, "txn-2", 4),
    (4, "archive", "archive_unavailable", "pending", "payments", "1", 5, "txn-1", 3),
    (5, "decode", "not_json", "discarded", "refunds", "0", 1, None, 2),
    (6, "decode", "not_json", "pending", "payments", "0", 2, None, 1),
]


@pytest.fixture
def filled(database: "Database") -> "Database":
    with psycopg.connect(database.migrator_dsn) as connection:
        for number, stage, code, status, hub, partition, sequence, transaction, age in ROWS:
            connection.execute(
                "INSERT INTO failed_items (failed_item_id, stage, error_code, message, payload, status, resolved_at, "
                "resolution, event_hub, partition_id, sequence_number, enqueued_at, transaction_id, event_id, "
                "created_at, next_attempt_at) OVERRIDING SYSTEM VALUE "
                "VALUES (%s, %s, %s, 'why', %s, %s, %s, 'x', %s, %s, %s, %s, %s, %s, %s, %s)",
                [number, stage, code, b"{%d" % number, status, None if status == "pending" else NOW, hub, partition,
                 sequence, NOW, transaction, EVENT if number == 2 else None, NOW - timedelta(hours=age),
                 NOW if stage == "archive" else None],
            )  # fmt: skip
    return database


def opened(dsn: str) -> Iterator[FailedItems]:
    settings = StorageSettings.load(
        postgres_dsn=dsn,
        postgres_auth=PostgresAuth.PASSWORD,
        archive_account_url="https://example.blob.core.windows.net",
    )
    with open_connection(settings) as connection:
        yield FailedItems(connection)


@pytest.fixture
def items(filled: "Database") -> Iterator[FailedItems]:
    yield from opened(filled.dsn)


@pytest.fixture
def other(filled: "Database") -> Iterator[FailedItems]:
    yield from opened(filled.dsn)


@pytest.fixture
def analyst(filled: "Database") -> Iterator[FailedItems]:
    yield from opened(filled.analyst_dsn)


def ids(chosen: list[Chosen]) -> list[int]:
    return [each.failed_item_id for each in chosen]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"ids": [2, 5, 99]}, [2, 5]),
        ({"statuses": ["pending", "replayed"]}, [1, 2, 3, 4, 6]),
        ({"codes": ["not_json", "archive_unavailable"]}, [1, 4, 5, 6]),
        ({"stages": ["validate"]}, [2, 3]),
        ({"event_hub": "refunds"}, [5]),
        ({"partition_id": "0", "event_hub": "payments"}, [1, 2, 6]),
        ({"since": NOW - timedelta(hours=4)}, [3, 4, 5, 6]),
        ({"until": NOW - timedelta(hours=4)}, [1, 2]),
        ({"transaction_id": "txn-1"}, [2, 4]),
        ({"event_id": EVENT}, [2]),
    ],
)
def test_each_filter_narrows_and_together_they_narrow_further(
    items: FailedItems, filters: dict[str, Any], expected: list[int]
) -> None:
    chosen = Filters(**filters)
    assert [item.failed_item_id for item in items.items(chosen, 10, oldest_first=True)] == expected
    assert [item.failed_item_id for item in items.items(chosen, 2)] == expected[::-1][:2]
    assert sum(row.events for row in items.summary(chosen)) == len(expected)


def test_the_summary_counts_by_stage_code_and_status_with_ages_and_pending_ones_first(analyst: FailedItems) -> None:
    rows = analyst.summary(Filters())
    assert [(row.error_code, row.status, row.events, row.by_redrive) for row in rows] == [
        ("not_json", "pending", 2, 0),
        ("archive_unavailable", "pending", 1, 1),
        ("amount_too_fine", "pending", 1, 0),
        ("not_json", "discarded", 1, 0),
        ("amount_too_fine", "replayed", 1, 0),
    ]
    assert (rows[0].oldest, rows[0].newest) == (NOW - timedelta(hours=50), NOW - timedelta(hours=1))


def test_a_reader_sees_everything_but_payloads(analyst: FailedItems) -> None:
    assert len(analyst.items(Filters(), 10)) == len(ROWS)
    with pytest.raises(PermanentStorageError, match="permission denied"):
        analyst.payload(1)


def test_only_pending_entries_are_chosen_by_hub_and_partition_in_the_order_of_their_events(items: FailedItems) -> None:
    assert ids(items.choose(Filters())) == [6, 2, 1, 4]


def test_entries_of_stage_archive_are_never_locked_for_the_pipeline_nor_discarded(items: FailedItems) -> None:
    """Their events count already: they would never reach the archive."""
    chosen = items.choose(Filters(ids=[4]))
    with items.locked(chosen) as locked:
        assert locked.ids == []
    assert items.discard(chosen, "no", "alice") == 0
    assert items.still_pending(chosen) == [("archive_unavailable", False, 1)]


def test_a_discarded_entry_keeps_its_bytes_and_says_who_when_and_why(items: FailedItems) -> None:
    assert items.discard(items.choose(Filters(ids=[1, 2])), "test events", "alice") == 2
    for item in items.items(Filters(ids=[1, 2]), 2):
        assert (item.status, item.resolution, item.resolved_by) == ("discarded", "test events", "alice (ingest)")
        assert item.resolved_at is not None
        assert datetime.now(UTC) - item.resolved_at < timedelta(minutes=1)
    assert items.payload(1) == b"{1"


def test_what_somebody_else_is_replaying_is_neither_locked_nor_discarded(
    items: FailedItems, other: FailedItems
) -> None:
    chosen = items.choose(Filters(event_hub="payments", partition_id="0"))
    with items.locked(chosen[:1]) as mine:
        with other.locked(chosen) as theirs:
            assert (mine.ids, theirs.ids) == ([6], [2, 1])
        assert other.discard(chosen, "no", "bob") == 2
    assert other.still_pending(chosen) == [("not_json", False, 1)]


def test_what_has_been_tried_since_it_was_chosen_is_left_alone(items: FailedItems, other: FailedItems) -> None:
    """The person who chose it was shown another state of it."""
    chosen = items.choose(Filters(ids=[1]))
    with other.locked(chosen) as locked:
        locked.cursor.execute("UPDATE failed_items SET attempts = attempts + 1 WHERE failed_item_id = 1")
    assert items.discard(chosen, "no", "alice") == 0
    with items.locked(chosen) as locked:
        assert locked.ids == []


def test_a_block_that_raises_leaves_the_entries_as_they_were(items: FailedItems) -> None:
    chosen = items.choose(Filters(ids=[1]))
    before = items.items(Filters(), 10)
    with suppress(ZeroDivisionError), items.locked(chosen) as locked:
        locked.mark(locked.delivery, [], "alice")
        raise ZeroDivisionError
    assert items.items(Filters(), 10) == before


def test_locks_outlive_the_time_for_which_a_transaction_may_be_idle(items: FailedItems) -> None:
    show = "SHOW idle_in_transaction_session_timeout"
    items._connection.execute("SET idle_in_transaction_session_timeout = '60s'")
    items._connection.commit()
    with items.locked(items.choose(Filters(ids=[1]))) as locked:
        assert locked.cursor.execute(show).fetchall() == [("10min",)]
    assert items._connection.execute(show).fetchall() == [("1min",)]
