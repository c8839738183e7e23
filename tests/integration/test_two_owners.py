"""A partition's old owner may go on writing after the new one began: the totals are those of one owner."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from payments.local.postgres import SUPERUSER, PostgresServer
from payments_storage.errors import StorageError

from .books import Books
from .events import NOON, NOT_JSON, Message, bodies, body, event, messages, rfc3339
from .proxy import Proxy
from .system import System, run, without_files

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

ROUNDS = 6
FIVE = timedelta(minutes=5)


def log(count: int, first: int = 0) -> list[Message]:
    """Events over several windows, with a bad one in every fiftieth place."""
    contents = [
        (b"{", NOT_JSON)
        if n % 50 == 9
        else body(n, occurred_at=rfc3339(NOON + timedelta(seconds=7 * (n % 300))), risk_score=n / 1000)
        for n in range(first, first + count)
    ]
    return messages(contents, first=first)


def at_once(*deliveries: Callable[[], object]) -> None:
    """Runs them in threads of their own, which start together; raises what they raise."""
    barrier = Barrier(len(deliveries))

    def start(deliver: Callable[[], object]) -> None:
        barrier.wait()
        deliver()

    with ThreadPoolExecutor(len(deliveries)) as threads:
        for running in [threads.submit(start, deliver) for deliver in deliveries]:
            running.result()


def test_the_same_batch_by_two_owners_at_once_is_written_once(system: System, other_owner: System) -> None:
    books = Books()
    for number in range(ROUNDS):
        batch = log(300, first=number * 300)
        at_once(partial(system.deliver, batch), partial(other_owner.deliver, batch))
        books.deliver(batch)
    assert system.state() == books.state()


def test_owners_who_have_the_events_in_another_order_do_not_deadlock(
    system: System, other_owner: System, caplog: pytest.LogCaptureFixture
) -> None:
    """A deadlock would cost a second and an attempt of the budget; the totals would be right all the same."""
    for first in range(0, ROUNDS * 1000, 1000):
        batch = bodies(range(first, first + 1000))
        other = messages(batch[::-1], first)
        at_once(partial(system.deliver, messages(batch, first)), partial(other_owner.deliver, other, "1"))
    assert "deadlock detected" not in caplog.text
    assert len(system.state().ingested_events) == ROUNDS * 1000


def test_the_same_batch_by_two_threads_of_one_worker_is_written_once(system: System) -> None:
    batch = log(300)
    books = Books()
    books.deliver(batch)
    at_once(*[partial(system.deliver, batch)] * 4)
    assert system.state() == books.state()


def test_overlapping_batches_by_two_owners_at_once_add_up_to_their_union(system: System, other_owner: System) -> None:
    """Each round:

    old owner    0------------299
    new owner         100------------399
    """
    books = Books()
    for number in range(ROUNDS):
        everything = log(400, first=number * 400)
        old, new = everything[:300], everything[100:]
        at_once(partial(system.deliver, old), partial(other_owner.deliver, new))
        books.deliver(everything)
    assert without_files(system.state()) == without_files(books.state())


class TestOppositeOrder:
    """Both owners are held up in the middle of what they share: unless they take it in one order, they deadlock."""

    def test_of_the_same_ids(self, system: System, other_owner: System) -> None:
        """Sent twice, into two partitions, once forwards and once backwards."""
        texts = bodies(range(100))
        one, two = messages(texts), messages(texts[::-1])
        middle = f"('{event(50)['event_id']}', 0, '{NOON:%Y-%m-%d}', '{NOON:%Y-%m-%d}')"
        with held_up(system, f"INSERT INTO ingested_events VALUES {middle}") as when_both_wait:  # noqa: S608 - ours
            at_once(partial(system.deliver, one, "0"), partial(other_owner.deliver, two, "1"), when_both_wait)
        books = Books()
        books.deliver(one)
        state, expected = system.state(), books.state()
        assert state.ingested_events == expected.ingested_events
        assert state.dynamic_metrics == expected.dynamic_metrics
        assert state.payment_metrics_5m == expected.payment_metrics_5m
        assert state.aggregate_histograms == expected.aggregate_histograms
        payloads = {key: row["event_payload"] for key, row in expected.archive.items()}
        assert {key: row["event_payload"] for key, row in state.archive.items()} == payloads

    @pytest.mark.parametrize("table", ["payment_metrics_5m", "aggregate_histograms"])
    def test_of_the_same_hot_rows(self, system: System, other_owner: System, table: str) -> None:
        """Different events of the same windows; of the second table alone where payment methods differ."""
        methods = ("card", "card") if table == "payment_metrics_5m" else ("card", "sepa")
        one = messages([windowed(n, n, methods[0]) for n in range(100)])
        two = messages([windowed(n + 100, 99 - n, methods[1]) for n in range(100)])
        before = messages([windowed(n + 200, n, "card") for n in range(100)], first=200)
        books = run(system, before)
        start = "window_start" if table == "payment_metrics_5m" else "time_window_start"
        middle = f"SELECT FROM {table} WHERE {start} = '{NOON - 50 * FIVE}' FOR UPDATE"
        with held_up(system, middle) as when_both_wait:
            at_once(partial(system.deliver, one, "0"), partial(other_owner.deliver, two, "1"), when_both_wait)
        books.deliver(one, "0")
        books.deliver(two, "1")
        assert system.state() == books.state()


def windowed(number: int, window: int, method: str) -> bytes:
    return body(number, occurred_at=rfc3339(NOON - window * FIVE), payment_method=method)


@contextmanager
def held_up(system: System, statement: str) -> Iterator[Callable[[], None]]:
    """Does something in a transaction that it undoes, by the function that it yields, when two writers wait for it."""

    def undo_when_both_wait() -> None:
        try:
            until(lambda: system.rows("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted") == [(2,)])
        finally:
            holder.rollback()

    with psycopg.connect(system.database.migrator_dsn) as holder:
        holder.execute(statement.encode())
        yield undo_when_both_wait


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)


class TestLateWriter:
    """An owner is given up on while its upload is on the wire, and another one takes over."""

    @pytest.fixture
    def slow(self, database: "Database", archive_container: "ArchiveContainer") -> Iterator[tuple[System, Proxy]]:
        """An owner whose way to the archive can be blocked."""
        parts = dict(part.split("=", 1) for part in archive_container.connection_string.split(";") if part)
        server = urlsplit(parts["BlobEndpoint"])
        with Proxy(server.hostname or "", server.port or 0) as proxy:
            through = archive_container.connection_string.replace(server.netloc, f"127.0.0.1:{proxy.port}")
            container = replace(archive_container, connection_string=through)
            with System(database, container) as system:
                yield system, proxy

    @pytest.mark.parametrize(
        ("orphan", "held"),
        [(False, b"PUT "), (True, b"PUT "), (True, b"HEAD "), (True, b"If-Match")],
        ids=["writing", "writing where an orphan is", "looking at an orphan", "replacing an orphan"],
    )
    def test_it_is_refused_and_what_counts_stays_as_it_is(
        self, slow: tuple[System, Proxy], system: System, postgres_server: PostgresServer, *, orphan: bool, held: bytes
    ) -> None:
        """Its transaction was ended meanwhile, and it does not know.

        slow owner    0----9 .. a request on its way .. arrives
        new owner                   0----------29
        """
        everything = log(30)
        slow_owner, proxy = slow
        books = Books()
        books.deliver(everything)
        if orphan:
            leave_orphan(system, everything[:5])
        with ThreadPoolExecutor(1) as threads, proxy.holding(held) as let_go:
            late = threads.submit(slow_owner.deliver, everything[:10])
            assert proxy.held.wait(10)
            end_transaction(postgres_server, slow_owner.database.name)
            system.deliver(everything)
            assert not late.done()
            let_go()
            again = late.result(30)
            assert (again.duplicates, again.failed_before) == (9, 1), "it has tried again, and found all of it done"
        assert system.state() == books.state()

    def test_it_does_no_harm_when_its_transaction_is_ended_and_nobody_takes_over(
        self, slow: tuple[System, Proxy], system: System, postgres_server: PostgresServer
    ) -> None:
        batch = log(30)
        slow_owner, proxy = slow
        with ThreadPoolExecutor(1) as threads, proxy.holding(b"PUT ") as let_go:
            late = threads.submit(slow_owner.deliver, batch)
            assert proxy.held.wait(10)
            end_transaction(postgres_server, slow_owner.database.name)
            let_go()
            assert late.result(30).archived == 29, "at its second attempt, over the orphan of the first"
        books = Books()
        books.deliver(batch)
        assert system.state() == books.state()


def leave_orphan(system: System, batch: list[Message]) -> None:
    """A delivery that fails after its upload."""
    system.owner_does("ALTER TABLE raw_event_files RENAME TO hidden")
    with pytest.raises(StorageError):
        system.deliver(batch)
    system.owner_does("ALTER TABLE hidden RENAME TO raw_event_files")
    assert len(list(system.container.list_blobs())) == 1


def end_transaction(server: PostgresServer, database: str) -> None:
    """Waits until the only writer has done all but its upload, and ends its connection."""
    with psycopg.connect(server.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
        until(
            lambda: (
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = %s AND state = 'idle in transaction' "
                    "AND (query LIKE '%%COPY dynamic_metrics%%' OR query LIKE '%%FROM raw_event_files%%')",
                    [database],
                ).fetchall()
                == [(True,)]
            )
        )
