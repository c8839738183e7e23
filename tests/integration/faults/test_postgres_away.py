"""PostgreSQL stops, restarts, becomes read-only, refuses connections or hangs while deliveries come in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from tests.integration.books import Books
from tests.integration.events import NOT_JSON, Message, body, messages
from tests.integration.system import System

from payments.local.postgres import SUPERUSER, PostgresServer

from .conftest import OpenSystem
from .fault_proxy import FaultProxy


def batch(number: int) -> list[Message]:
    first = number * 4
    return messages([body(first), body(first + 1), (b"{", NOT_JSON), body(first)], first=first)


@contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def hung(server: PostgresServer) -> Iterator[None]:
    """Its processes do not run: the kernel takes connections and bytes, and nobody ever answers."""
    postmaster = server.process()
    assert postmaster is not None
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


@contextmanager
def configured(server: PostgresServer, name: str, value: str) -> Iterator[None]:
    def shown() -> str:
        with psycopg.connect(server.dsn(SUPERUSER, "postgres")) as connection:
            return str(connection.execute("SELECT current_setting(%s)", (name,)).fetchall())

    def set_to(clause: str) -> None:
        before = shown()
        with psycopg.connect(server.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER SYSTEM {clause}".encode())
            connection.execute("SELECT pg_reload_conf()")
        # The server reloads some time after it was asked to; it signals its sessions before it takes new ones.
        deadline = time.monotonic() + 30
        while shown() == before:
            assert time.monotonic() < deadline, f"{name} is still {before}"
            time.sleep(0.01)

    set_to(f"SET {name} = {value}")
    try:
        yield
    finally:
        set_to(f"RESET {name}")


def administer(server: PostgresServer, statement: str) -> None:
    with psycopg.connect(server.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())


def letters(system: System) -> list[str]:
    return [letter.name for letter in system.runtime.pipeline.dead_letters.pending()]


def deliver(system: System, books: Books, *numbers: int) -> int:
    """Returns how many events were dead-lettered."""
    dead = 0
    for number in numbers:
        dead += system.deliver(batch(number)).dead_lettered
        books.deliver(batch(number))
    return dead


def test_what_was_dead_lettered_while_postgresql_was_stopped_comes_back_in_order(
    open_system: OpenSystem, postgres_server: PostgresServer
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    assert deliver(system, books, 0) == 0
    with stopped(postgres_server):
        assert deliver(system, books, 1, 2, 3) == 12
        assert system.runtime.pipeline.redrive.run(10).stopped is not None
        assert [name.rpartition("-")[2] for name in letters(system)] == ["7.parquet", "11.parquet", "15.parquet"]
    assert deliver(system, books, 4) == 0
    report = system.runtime.pipeline.redrive.run(30)
    assert (report.letters, report.events, report.postponed, report.stopped) == (3, 12, 0, None)
    assert letters(system) == []
    assert system.state() == books.state()
    assert [n for (n,) in system.rows("SELECT first_sequence_number FROM raw_event_files ORDER BY created_at")] == [
        *(0, 16),
        *(4, 8, 12),
    ]


def test_a_letter_that_came_by_itself_meanwhile_changes_nothing(
    open_system: OpenSystem, postgres_server: PostgresServer
) -> None:
    """The host delivers it once more, before the redrive does."""
    system = open_system(retry_budget_seconds=1)
    books = Books()
    with stopped(postgres_server):
        assert deliver(system, books, 0) == 4
    system.deliver(batch(0))
    assert system.runtime.pipeline.redrive.run(30).letters == 1
    assert system.state() == books.state()


@pytest.mark.parametrize("pause", [0.0, 1.0], ids=["at once", "after the pool has given up"])
def test_the_pool_recovers_from_a_restart_without_one_of_its_own(
    system: System, postgres_server: PostgresServer, pause: float
) -> None:
    """The pool stops trying by itself after `connect._RECONNECT_SECONDS`, here half a second."""
    books = Books()
    deliver(system, books, 0)
    with stopped(postgres_server):
        system.runtime.pipeline.pool.check()
        time.sleep(pause)
    assert deliver(system, books, 1, 2) == 0
    assert system.state() == books.state()


def test_a_server_that_is_read_only_as_after_a_failover_is_tried_again(
    open_system: OpenSystem, postgres_server: PostgresServer
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    deliver(system, books, 0)
    with configured(postgres_server, "default_transaction_read_only", "on"):
        assert deliver(system, books, 1) == 4
    assert deliver(system, books, 2) == 0
    assert system.runtime.pipeline.redrive.run(30).letters == 1
    assert system.state() == books.state()


def test_a_redrive_while_postgresql_is_read_only_uses_up_no_attempt(
    open_system: OpenSystem, postgres_server: PostgresServer
) -> None:
    """Else a failover of minutes makes a dead letter wait for up to an hour."""
    system = open_system(retry_budget_seconds=1)
    with configured(postgres_server, "default_transaction_read_only", "on"):
        deliver(system, Books(), 1)
        report = system.runtime.pipeline.redrive.run(30)
        assert (report.postponed, report.stopped is not None) == (0, True)
    assert [letter.attempts for letter in system.runtime.pipeline.dead_letters.pending()] == [0]


def test_connections_that_are_refused_for_a_while_are_tried_again(
    open_system: OpenSystem, postgres_server: PostgresServer, postgres_way: FaultProxy
) -> None:
    """53300: too many connections."""
    system = open_system(retry_budget_seconds=1)
    books = Books()
    administer(postgres_server, "ALTER ROLE ingest CONNECTION LIMIT 0")
    try:
        postgres_way.cut_all()
        assert deliver(system, books, 0) == 4
    finally:
        administer(postgres_server, "ALTER ROLE ingest CONNECTION LIMIT -1")
    assert deliver(system, books, 1) == 0
    assert system.runtime.pipeline.redrive.run(30).letters == 1
    assert system.state() == books.state()


def test_a_server_that_hangs_is_given_up_at_the_deadline_and_comes_back(
    open_system: OpenSystem, postgres_server: PostgresServer
) -> None:
    """Neither an open connection nor a new one gets an answer: 4 seconds an attempt, 1 to wait for a connection."""
    system = open_system(retry_budget_seconds=1, postgres_pool_size=1)
    books = Books()
    deliver(system, books, 0)
    with hung(postgres_server):
        started = time.monotonic()
        assert deliver(system, books, 1) == 4
        on_open_connection = time.monotonic() - started
        assert deliver(system, books, 2) == 4
        on_new_connection = time.monotonic() - started - on_open_connection
    assert on_open_connection >= 4
    assert on_new_connection >= 1
    assert deliver(system, books, 3) == 0
    assert system.runtime.pipeline.redrive.run(30).letters == 2
    assert system.state() == books.state()
