"""PostgreSQL answers with an error: what may pass is tried again within the budget, what will not is not."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.integration.books import Books
from tests.integration.events import bodies, messages
from tests.integration.system import System

from payments.local.postgres import SUPERUSER, PostgresServer
from payments_storage.errors import PermanentStorageError

from .conftest import OpenSystem
from .fault_proxy import FaultProxy
from .faulty_connection import Delay, Fault

if TYPE_CHECKING:
    from conftest import Database

BATCH = messages(bodies(range(4)))
PASSING = {
    "53100": "disk full",
    "53200": "out of memory",
    "40001": "serialization failure",
    "40P01": "deadlock",
    "55P03": "lock not available",
    "57014": "canceled",
    "57P01": "admin shutdown",
    "25006": "read-only",
    "58030": "I/O error",
    "08006": "connection failure",
}
LASTING = {"42P01": "undefined table", "42501": "insufficient privilege", "XX000": "internal error"}


def raise_at(system: System, state: str, times: int) -> None:
    """The server answers the first so many statements on the last table like this. A sequence survives a rollback."""
    system.owner_does("CREATE SEQUENCE answers")
    system.owner_does(
        "CREATE FUNCTION answer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
        f"IF nextval('public.answers') <= {times} THEN RAISE 'out of order' USING ERRCODE = '{state}'; END IF; "
        "RETURN NULL; END $$"
    )
    system.owner_does(
        "CREATE TRIGGER answer BEFORE INSERT ON aggregate_histograms FOR EACH STATEMENT EXECUTE FUNCTION answer()"
    )


def attempts(system: System) -> int:
    (row,) = system.rows("SELECT last_value FROM answers")
    return int(row[0])


@pytest.mark.parametrize("state", PASSING, ids=PASSING.values())
def test_an_error_that_passes_costs_an_attempt_and_nothing_else(system: System, state: str) -> None:
    raise_at(system, state, times=2)
    outcome = system.deliver(BATCH)
    books = Books()
    books.deliver(BATCH)
    assert (outcome.archived, attempts(system)) == (4, 3)
    assert system.state() == books.state()


@pytest.mark.parametrize("state", LASTING, ids=LASTING.values())
def test_an_error_that_lasts_is_raised_at_once_and_nothing_is_stored(system: System, state: str) -> None:
    """The host holds the partition: no other delivery would fare better."""
    raise_at(system, state, times=1_000_000)
    before = system.rows("SELECT count(*) FROM ingested_events")
    with pytest.raises(PermanentStorageError, match=f"PostgreSQL {state}: out of order"):
        system.deliver(BATCH)
    assert attempts(system) == 1
    assert system.rows("SELECT count(*) FROM ingested_events") == before
    assert list(system.runtime.pipeline.dead_letters.pending()) == []


def test_an_error_that_passes_too_late_ends_with_the_budget(open_system: OpenSystem) -> None:
    """Pauses grow, so a second has room for some attempts and not for many."""
    system = open_system(retry_budget_seconds=1)
    raise_at(system, "40001", times=1_000_000)
    assert system.deliver(BATCH).dead_lettered == 4
    assert 1 <= attempts(system) <= 30


class TestARealOne:
    """The same from the real cause, where a test can bring it about."""

    def test_lock_timeout(self, system: System, postgres_server: PostgresServer) -> None:
        system.owner_does(f"ALTER DATABASE {system.database.name} SET lock_timeout = '200ms'")
        end_connections(postgres_server, system)
        with psycopg.connect(system.database.migrator_dsn) as other:
            other.execute("LOCK TABLE payment_metrics_5m IN EXCLUSIVE MODE")
            self._deliver_meanwhile(system, other.rollback)

    def test_statement_timeout(self, system: System, postgres_server: PostgresServer) -> None:
        system.owner_does(f"ALTER DATABASE {system.database.name} SET statement_timeout = '200ms'")
        end_connections(postgres_server, system)
        with psycopg.connect(system.database.migrator_dsn) as other:
            other.execute("LOCK TABLE payment_metrics_5m IN EXCLUSIVE MODE")
            self._deliver_meanwhile(system, other.rollback)

    def test_the_server_is_restarted_in_mid_transaction(
        self, system: System, postgres_server: PostgresServer, blob_way: FaultProxy
    ) -> None:
        with (
            ThreadPoolExecutor(1) as thread,
            blob_way.doing(Delay(0.9), lambda message: message.kind == "PUT") as struck,
        ):
            delivery = thread.submit(system.deliver, BATCH)
            struck.first()
            postgres_server.stop()
            postgres_server.start()
            assert delivery.result(30).archived == 4
        books = Books()
        books.deliver(BATCH)
        assert system.state() == books.state()

    def _deliver_meanwhile(self, system: System, end: Callable[[], None]) -> None:
        with ThreadPoolExecutor(1) as thread:
            delivery = thread.submit(system.deliver, BATCH)
            time.sleep(0.7)
            assert not delivery.done()
            end()
            assert delivery.result(30).archived == 4
        books = Books()
        books.deliver(BATCH)
        assert system.state() == books.state()


def end_connections(server: PostgresServer, system: System) -> None:
    """So that new ones have the new limits; the pool meets connections that an administrator has ended (57P01)."""
    with psycopg.connect(server.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [system.database.name]
        )


def test_a_copy_that_lost_its_client_holds_its_events_until_the_server_notices(
    database: "Database", open_system: OpenSystem, postgres_way: FaultProxy
) -> None:
    """No time-out of PostgreSQL's applies while it waits for the rest of a COPY, only TCP's: they wait as a letter."""
    with psycopg.connect(database.migrator_dsn) as owner:
        owner.execute(f"ALTER DATABASE {database.name} SET lock_timeout = '100ms'".encode())
    system = open_system(retry_budget_seconds=1)
    with postgres_way.doing(Fault.BLACKHOLE, lambda message: message.to_server and message.kind == "c"):
        assert system.deliver(BATCH).dead_lettered == 4
    assert system.deliver(BATCH).dead_lettered == 4
    postgres_way.cut_all()
    assert system.runtime.pipeline.redrive.run(30).letters == 1
    books = Books()
    books.deliver(BATCH)
    assert system.state() == books.state()
