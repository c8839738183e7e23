"""Months of failed_items: made ahead, dropped when all of their entries were resolved before retention, not earlier."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from database.tests.failed_entries import fail, partition, places, resolve
from psycopg import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Database

Connection = psycopg.Connection[Any]
MARCH = date(2024, 3, 10)
APRIL = date(2024, 4, 1)
RETENTION = 100
FIRST_DAY_AFTER = APRIL + timedelta(days=RETENTION)
"""On this day all of March is past retention: the first day that is kept is the first of April."""


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    """Who may say that something was resolved long ago."""
    with psycopg.connect(database.migrator_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def writer(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        yield connection


def ensure(writer: Connection, today: date) -> list[tuple[str, str, int]]:
    return writer.execute("SELECT * FROM ensure_failed_items_partitions(%s)", [today]).fetchall()


def expire(writer: Connection, today: date, retention: int | None = RETENTION) -> list[tuple[str, str, int]]:
    return writer.execute("SELECT * FROM drop_expired_failed_items(%s, %s)", [retention, today]).fetchall()


def test_this_month_and_the_next_are_made_once(writer: Connection) -> None:
    made = [("failed_items_20240301", "created", 0), ("failed_items_20240401", "created", 0)]
    assert ensure(writer, MARCH) == made
    assert ensure(writer, MARCH) == []
    fail(writer, 1, MARCH)
    assert places(writer) == {1: "failed_items_20240301"}


def test_months_are_utc_whatever_the_session_thinks(writer: Connection, owner: Connection) -> None:
    writer.execute("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'")
    ensure(writer, date(2024, 3, 1))
    fail(writer, 1, datetime(2024, 3, 31, 23, 59, 59, 999999, UTC))
    fail(writer, 2, APRIL)
    assert places(writer) == {1: "failed_items_20240301", 2: "failed_items_20240401"}
    resolve(owner, 1, MARCH)
    assert expire(writer, FIRST_DAY_AFTER - timedelta(days=1)) == []
    assert expire(writer, FIRST_DAY_AFTER) == [("failed_items_20240301", "dropped", 0)]


def test_entries_of_any_month_that_has_none_wait_in_the_default_and_move(writer: Connection) -> None:
    """Also of months that nobody made while the timer stood still."""
    times = {1: date(2023, 5, 31), 2: date(2023, 7, 1), 3: MARCH}
    for number, day in times.items():
        assert fail(writer, number, day)
    assert set(places(writer).values()) == {"failed_items_default"}
    assert [row for row in ensure(writer, MARCH) if row[2]] == [
        (partition(day), "created", 1) for day in times.values()
    ]
    assert places(writer) == {number: partition(day) for number, day in times.items()}
    for number, day in times.items():
        assert not fail(writer, number, day), "a moved position is still taken"


def test_a_new_month_has_every_index_and_check_of_the_table(writer: Connection) -> None:
    ensure(writer, MARCH)
    attached, there = writer.execute(
        "SELECT count(inhparent), count(*) FROM pg_index LEFT JOIN pg_inherits ON inhrelid = indexrelid"
        " WHERE indrelid = 'failed_items_20240301'::regclass"
    ).fetchone() or (0, 0)
    wanted = writer.execute("SELECT count(*) FROM pg_index WHERE indrelid = 'failed_items'::regclass").fetchone()
    assert (attached,) == (there,) == wanted == (4,)
    fail(writer, 1, MARCH)
    with pytest.raises(errors.CheckViolation, match="failed_items_discarded_check"):
        writer.execute("UPDATE failed_items SET status = 'discarded', resolved_at = now()")


def test_a_month_is_dropped_when_it_ended_before_retention_and_not_earlier(
    writer: Connection, owner: Connection
) -> None:
    ensure(writer, MARCH)
    for number, day in {1: MARCH, 2: APRIL}.items():
        fail(writer, number, day)
        resolve(owner, number, day)
    assert expire(writer, FIRST_DAY_AFTER - timedelta(days=1)) == []
    assert expire(writer, FIRST_DAY_AFTER) == [("failed_items_20240301", "dropped", 0)]
    assert places(writer) == {2: "failed_items_20240401"}
    assert expire(writer, FIRST_DAY_AFTER) == []


def test_a_month_is_kept_whole_for_one_unresolved_entry_and_retention_counts_from_its_end(
    writer: Connection, owner: Connection
) -> None:
    ensure(writer, MARCH)
    for number in (1, 2, 3):
        fail(writer, number, MARCH)
    resolve(owner, 1, MARCH)
    resolve(owner, 2, MARCH)
    years_later = date(2026, 3, 10)
    kept = [("failed_items_20240301", "kept", 1), ("failed_items_20240401", "dropped", 0)]
    assert expire(writer, years_later) == kept
    assert set(places(writer)) == {1, 2, 3}

    resolve(owner, 3, years_later)  # who gave it up, and why, is what an auditor asks for
    assert expire(writer, years_later + timedelta(days=RETENTION)) == [("failed_items_20240301", "kept", 0)]
    assert expire(writer, years_later + timedelta(days=RETENTION + 1)) == [("failed_items_20240301", "dropped", 0)]
    assert places(writer) == {}


@pytest.mark.parametrize(
    ("retention", "today", "message"),
    [
        (7, MARCH, "kept for 7 days would be taken for new"),
        (None, MARCH, "would be taken for new"),
        (100, date(2124, 3, 10), "today is not 2124-03-10"),
        (100, datetime.now(UTC).date() + timedelta(days=2), "today is not"),
        (100, None, "today is not"),
    ],
)
def test_what_would_drop_too_much_is_refused(
    writer: Connection, retention: int | None, today: date | None, message: str
) -> None:
    with pytest.raises(errors.InvalidParameterValue, match=message):
        writer.execute("SELECT * FROM drop_expired_failed_items(%s, %s)", [retention, today])


def test_a_day_that_is_none_is_refused(writer: Connection) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="today is not known"):
        writer.execute("SELECT * FROM ensure_failed_items_partitions(NULL)")


def test_an_entry_is_found_by_number_and_by_state_without_reading_months(database: Database) -> None:
    with psycopg.connect(database.migrator_dsn, autocommit=True) as connection:
        for month in range(1, 13):
            ensure(connection, date(2024, month, 1))
        connection.execute(
            "INSERT INTO failed_items (stage, error_code, message, payload, event_hub, partition_id, sequence_number,"
            " enqueued_at, status, resolved_at) SELECT 'decode', 'not_json', 'why', 'x', 'hub', '0', n, timestamptz"
            " '2024-01-01Z' + n * interval '17 minutes', 'replayed', now() FROM generate_series(1, 30000) AS n"
        )
        connection.execute("ANALYZE failed_items")
        for condition in ("failed_item_id = ANY ('{777,778}')", "status = 'pending'", "next_attempt_at <= now()"):
            query = f"EXPLAIN SELECT payload FROM failed_items WHERE {condition}"  # noqa: S608 - stands here
            plan = "\n".join(line for (line,) in connection.execute(query.encode()))
            assert plan.count("Index") >= 12, plan
            assert "Seq Scan on failed_items_2024" not in plan
