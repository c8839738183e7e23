"""Partitions are made and dropped while others write: nobody fails, nothing is lost, nobody waits for long."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from database.tests.failed_entries import fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Database

DAY = date(2024, 3, 10)
MONTH = timedelta(days=45)
ENSURE = "SELECT * FROM ensure_partitions('2024-03-10', '2024-03-10')"
EXPIRE = "SELECT * FROM drop_expired_partitions(8, 30, '2024-03-19')"  # the first day on which the 10th is expired


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def run(dsn: str, statement: str, *parameters: date) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def claim(connection: psycopg.Connection[Any], enqueued_on: date = DAY) -> None:
    connection.execute("INSERT INTO ingested_events VALUES (%s, 0, %s, %s)", [uuid4(), DAY, enqueued_on])


def write_one(dsn: str) -> None:
    with psycopg.connect(dsn, options="-c lock_timeout=5s") as connection:
        claim(connection)


def until_waiting(connection: psycopg.Connection[Any], work: Future[Any]) -> None:
    """Return when another session of this database waits for a lock."""
    deadline = time.monotonic() + 10
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    while connection.execute(query).fetchone() == (0,):
        assert not work.done(), work.result()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def places(dsn: str) -> dict[str, int]:
    """Number of events by partition."""
    rows = run(dsn, "SELECT tableoid::regclass::text, count(*) FROM ingested_events GROUP BY 1")
    return {str(partition): int(count) for partition, count in rows}


@pytest.mark.parametrize("statement", [ENSURE, EXPIRE])
def test_two_sessions_at_once_do_the_work_once(database: Database, threads: ThreadPoolExecutor, statement: str) -> None:
    if statement == EXPIRE:
        run(database.dsn, ENSURE)
    with psycopg.connect(database.dsn) as first:
        done = first.execute(statement.encode()).fetchall()
        second = threads.submit(run, database.dsn, statement)
        with psycopg.connect(database.migrator_dsn, autocommit=True) as observer:
            until_waiting(observer, second)
        first.commit()
        assert [row[0] for row in done] == ["ingested_events_20240310", "dynamic_metrics_20240310"][: len(done)]
        assert done
        assert second.result() == []


def test_a_writer_that_waits_for_a_new_day_finds_its_partition(database: Database, threads: ThreadPoolExecutor) -> None:
    """If it had chosen the default partition before it waits, its row would fail PostgreSQL's partition check."""
    with psycopg.connect(database.dsn) as maintenance:
        maintenance.execute(ENSURE)
        writing = threads.submit(write_one, database.dsn)
        with psycopg.connect(database.migrator_dsn, autocommit=True) as observer:
            until_waiting(observer, writing)
        maintenance.commit()
        writing.result()
    assert places(database.dsn) == {"ingested_events_20240310": 1}


@pytest.mark.parametrize("statement", [ENSURE, EXPIRE])
def test_a_long_writer_holds_up_maintenance_but_no_other_writer(
    database: Database, threads: ThreadPoolExecutor, statement: str
) -> None:
    if statement == EXPIRE:
        run(database.dsn, ENSURE)
    with psycopg.connect(database.dsn) as long_writer:
        claim(long_writer)
        maintaining = threads.submit(run, database.dsn, statement)
        with psycopg.connect(database.migrator_dsn, autocommit=True) as observer:
            until_waiting(observer, maintaining)
        write_one(database.dsn)  # within its lock_timeout: maintenance lets others pass between its attempts
        claim(long_writer)
        assert not maintaining.done()
        long_writer.commit()
        assert maintaining.result()[0][0] == "ingested_events_20240310"
    assert places(database.dsn) == ({"ingested_events_20240310": 3} if statement == ENSURE else {})


def test_a_late_event_that_is_being_written_survives_its_day(database: Database, threads: ThreadPoolExecutor) -> None:
    run(database.dsn, ENSURE)
    write_one(database.dsn)
    today = DAY + timedelta(days=9)
    with psycopg.connect(database.dsn) as late:
        claim(late, enqueued_on=today)
        expiring = threads.submit(run, database.dsn, EXPIRE)
        with psycopg.connect(database.migrator_dsn, autocommit=True) as observer:
            until_waiting(observer, expiring)
        claim(late, enqueued_on=today)
        late.commit()
        assert expiring.result()[0] == ("ingested_events_20240310", "dropped", 2)
    assert places(database.dsn) == {"ingested_events_default": 2}


def test_writers_of_all_days_go_on_through_days_of_maintenance(database: Database, threads: ThreadPoolExecutor) -> None:
    """Two writers claim and measure, in the order of ingest, while days appear and expire under them."""
    stop = False

    def write(seed: int) -> int:
        batches = 0
        with psycopg.connect(database.dsn) as connection:
            while not stop:
                day = DAY + timedelta(days=(seed + batches) % 12)
                connection.execute("INSERT INTO ingested_events VALUES (%s, 0, %s, '2024-04-30')", [uuid4(), day])
                connection.execute(
                    "INSERT INTO dynamic_metrics (transaction_id, metric_type, metric_value, created_at)"
                    " VALUES ('t', 'm', 1, %s::date)", [day],
                )  # fmt: skip
                connection.commit()
                batches += 1
        return batches

    writers = [threads.submit(write, seed) for seed in (0, 5)]
    try:
        for n in range(12):
            first, last = DAY + timedelta(days=n - 1), DAY + timedelta(days=n + 3)
            run(database.dsn, "SELECT * FROM ensure_partitions(%s, %s)", first, last)
            run(database.dsn, "SELECT * FROM drop_expired_partitions(8, 90, %s)", DAY + timedelta(days=n + 9))
    finally:
        stop = True
    written = sum(writer.result() for writer in writers)
    assert written > 0
    assert sum(places(database.dsn).values()) == written
    assert run(database.analyst_dsn, "SELECT count(*) FROM dynamic_metrics") == [(written,)]


def test_failed_items_are_written_and_resolved_while_their_months_appear_and_go(
    database: Database, threads: ThreadPoolExecutor
) -> None:
    """Two writers fill twelve months, most of them past retention, and resolve what they write into every second.

    They are the owner, who may say that it was long ago.
    """
    stop = False
    months = [date(2024, 1 + n, 1) for n in range(12)]

    def write(seed: int) -> int:
        written = 0
        with psycopg.connect(database.migrator_dsn) as connection:
            while not stop:
                fail(connection, 2 * written + seed, months[(seed + written) % 12])
                connection.execute(
                    "UPDATE failed_items SET status = 'replayed', resolved_at = '2024-01-01' WHERE failed_item_id IN ("
                    "SELECT failed_item_id FROM failed_items WHERE status = 'pending' AND"
                    " date_part('month', enqueued_at AT TIME ZONE 'UTC')::int % 2 = 0 FOR UPDATE SKIP LOCKED)"
                )
                connection.commit()
                written += 1
        return written

    writers = [threads.submit(write, seed) for seed in (0, 1)]
    dropped = 0
    try:
        for n in range(24):
            run(database.dsn, "SELECT * FROM ensure_failed_items_partitions(%s)", months[n % 12])
            rows = run(database.dsn, "SELECT * FROM drop_expired_failed_items(8, %s)", months[n % 12] + MONTH)
            dropped += sum(action == "dropped" for _, action, _ in rows)
    finally:
        stop = True
    unresolved = sum(
        (seed + number) % 12 % 2 == 0 for seed, writer in enumerate(writers) for number in range(writer.result())
    )
    assert unresolved > 0
    count = "SELECT count(*) FROM failed_items WHERE status = 'pending'"
    assert run(database.analyst_dsn, count) == [(unresolved,)]
    assert dropped > 0


def test_an_entry_that_is_being_written_into_an_old_month_is_not_dropped_with_it(
    database: Database, threads: ThreadPoolExecutor
) -> None:
    run(database.dsn, "SELECT * FROM ensure_failed_items_partitions(%s)", DAY)
    with psycopg.connect(database.dsn) as late:
        fail(late, 1, DAY)
        expiring = threads.submit(run, database.dsn, "SELECT * FROM drop_expired_failed_items(8, '2024-06-01')")
        with psycopg.connect(database.migrator_dsn, autocommit=True) as observer:
            until_waiting(observer, expiring)
        fail(late, 2, DAY)
        late.commit()
        assert ("failed_items_20240301", "kept", 2) in expiring.result()
    assert run(database.analyst_dsn, "SELECT count(*) FROM failed_items") == [(2,)]


def test_a_long_replay_holds_up_the_making_of_months_but_no_other_writer(
    database: Database, threads: ThreadPoolExecutor
) -> None:
    with psycopg.connect(database.dsn) as replay:
        fail(replay, 1, DAY)
        making = threads.submit(run, database.dsn, "SELECT * FROM ensure_failed_items_partitions('2024-03-10')")
        with psycopg.connect(database.migrator_dsn, autocommit=True) as observer:
            until_waiting(observer, making)
        fail(replay, 2, DAY)
        with psycopg.connect(database.dsn, options="-c lock_timeout=5s") as ingest:
            fail(ingest, 3, DAY)
        assert not making.done()
        replay.commit()
        assert ("failed_items_20240301", "created", 3) in making.result()
