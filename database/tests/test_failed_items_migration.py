"""An installation that has failed items gets their months: nothing is lost, copied or renumbered, nobody fails."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from database.tests.failed_entries import INSERT, fail, month_after, partition, places, resolve

from payments.local.database import WRITER
from payments.local.migrate import apply_migrations, make_partitions

if TYPE_CHECKING:
    from collections.abc import Callable

    from payments.local.postgres import PostgresServer

TODAY = datetime.now(UTC).date()
ENTRIES = {1: date(2019, 12, 31), 2: TODAY - timedelta(days=400), 3: TODAY}


@pytest.fixture
def writer_dsn(postgres_server: PostgresServer, empty_database: str) -> str:
    return postgres_server.dsn(WRITER, empty_database)


@pytest.fixture
def before(as_before: Callable[[str], str]) -> str:
    """A database as the release before left it."""
    return as_before("20261126001900")


def test_every_entry_stays_where_it_is_with_its_number_and_its_state(before: str, writer_dsn: str) -> None:
    with psycopg.connect(writer_dsn, autocommit=True) as writer, psycopg.connect(before, autocommit=True) as owner:
        for number, day in ENTRIES.items():
            fail(writer, number, day)
        resolve(writer, 2, TODAY)
        everything = "SELECT to_jsonb(item), xmin::text, ctid::text FROM failed_items AS item ORDER BY failed_item_id"
        rows = owner.execute(everything).fetchall()

        apply_migrations(before)

        assert owner.execute(everything).fetchall() == rows, "not even copied"
        assert places(owner) == dict.fromkeys(ENTRIES, partition(TODAY))
        assert [fail(writer, number, day) for number, day in ENTRIES.items()] == [False] * 3, "each position is taken"
        assert fail(writer, 4, TODAY)
        assert owner.execute("SELECT max(failed_item_id) > 3 FROM failed_items").fetchone() == (True,)
        assert [name for name in make_partitions(before) if "failed" in name] == [partition(month_after(TODAY))]
        fail(writer, 5, date(2018, 1, 1))
        assert places(owner)[5] == partition(TODAY), "of before the oldest"


def test_what_was_there_is_dropped_as_any_month_is(before: str, writer_dsn: str) -> None:
    """As if it had been migrated in January 2020: the days of the future are refused."""
    with psycopg.connect(writer_dsn, autocommit=True) as writer, psycopg.connect(before, autocommit=True) as owner:
        fail(writer, 1, date(2019, 12, 31))
        apply_migrations(before)
        owner.execute(f"ALTER TABLE {partition(TODAY)} RENAME TO failed_items_20200101")
        expire = "SELECT * FROM drop_expired_failed_items(8, %s)"
        assert writer.execute(expire, [TODAY]).fetchall() == [("failed_items_20200101", "kept", 1)]
        resolve(owner, 1, date(2020, 1, 1))
        assert writer.execute(expire, [TODAY]).fetchall() == [("failed_items_20200101", "dropped", 0)]
        assert fail(writer, 1, date(2019, 12, 31)), "into the default partition, and from there into its month"
        make_partitions(before)
        assert places(writer) == {1: "failed_items_20191201"}


def test_an_entry_of_the_future_hinders_nobody(before: str, writer_dsn: str) -> None:
    """No hub makes one, but a file for `payments ingest` may say anything."""
    future = date(2099, 1, 1)
    with psycopg.connect(writer_dsn, autocommit=True) as writer:
        fail(writer, 1, TODAY)
        fail(writer, 2, future)
        apply_migrations(before)
        assert places(writer) == {1: partition(TODAY), 2: "failed_items_default"}
        make_partitions(before)
        assert places(writer) == {1: partition(TODAY), 2: partition(future)}
        assert not fail(writer, 2, future)


def test_a_worker_of_the_release_before_goes_on_with_its_prepared_statements(before: str, writer_dsn: str) -> None:
    with psycopg.connect(writer_dsn, autocommit=True) as worker:
        worker.prepare_threshold = 0
        select = "SELECT status FROM failed_items WHERE sequence_number = %s"
        worker.execute(INSERT, [1, TODAY])
        assert worker.execute(select, [1]).fetchone() == ("pending",)
        apply_migrations(before)
        assert worker.execute(INSERT, [1, TODAY]).rowcount == 0
        assert worker.execute(INSERT, [2, TODAY]).rowcount == 1
        assert worker.execute(select, [2]).fetchone() == ("pending",)
        resolve(worker, 1, TODAY)
        assert worker.execute(select, [1]).fetchone() == ("replayed",)
