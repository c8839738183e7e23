"""The connection to PostgreSQL fails at every message of a delivery in turn: each delivery counts exactly once."""

from itertools import count
from typing import TYPE_CHECKING, Final

import psycopg
import pytest
from tests.integration.books import Books
from tests.integration.events import NOT_JSON, body, messages
from tests.integration.events import Message as Event
from tests.integration.system import System

from payments_storage import unit_of_work

from .conftest import OpenSystem
from .fault_proxy import FaultProxy, Where, at
from .faulty_connection import Fault
from .wire import Message

if TYPE_CHECKING:
    from conftest import Database

# What a delivery says and hears at least once: Query, Parse, Bind, Execute, Sync, copied data and its end ...
SAID: Final = {(True, kind) for kind in "QPBESdc"}
# ... and completion of each step, readiness, a row, the start of a COPY.
HEARD: Final = {(False, kind) for kind in "12CZDG"}


def is_commit(message: Message) -> bool:
    return message.to_server and message.data.endswith(b"COMMIT\0")


def is_commit_done(message: Message) -> bool:
    return not message.to_server and message.kind == "C" and message.data.endswith(b"COMMIT\0")


def of_kind(to_server: bool, kind: str) -> Where:  # noqa: FBT001 - as `SAID` and `HEARD` have it
    return lambda message: (message.to_server, message.kind) == (to_server, kind)


def batch(number: int) -> list[Event]:
    """Two events, one of them twice, and one that cannot be read: every statement has work to do."""
    first = number * 4
    return messages([body(first), body(first + 1, risk_score=0.5), (b"{", NOT_JSON), body(first)], first=first)


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.HALF_CLOSE])
def test_whatever_message_the_connection_fails_at_the_delivery_counts_once(
    system: System, postgres_way: FaultProxy, fault: Fault
) -> None:
    books = Books()
    numbers = count()
    places: list[Message] = []

    def deliver(where: Where) -> list[Message]:
        number = next(numbers)
        with postgres_way.doing(fault, where) as struck:
            outcome = system.deliver(batch(number))
        books.deliver(batch(number))
        assert outcome.dead_lettered == 0
        return struck

    for place in count(1):
        struck = deliver(at(place))
        if not struck:
            break
        places += struck
    # Both sides speak at once: one that had number n in this delivery may have had n + 1 in the last one.
    for where in (*(of_kind(*each) for each in SAID | HEARD), is_commit, is_commit_done):
        assert any(map(where, places)) or deliver(where)
    assert system.state() == books.state()


@pytest.mark.parametrize(
    "where",
    [
        lambda message: message.to_server and message.data.endswith(b"BEGIN\0"),
        lambda message: message.to_server and b"INSERT INTO ingested_events" in message.data,
        lambda message: not message.to_server and message.kind == "D",
        is_commit,
        is_commit_done,
    ],
    ids=["begin", "claim", "the claimed events", "commit", "commit's answer"],
)
def test_a_connection_that_is_lost_without_an_end_is_given_up_at_its_deadline(
    database: "Database",
    open_system: OpenSystem,
    postgres_way: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
    where: Where,
) -> None:
    """The server too waits for the rest, with its claims held, until a limit of its own ends the transaction."""
    monkeypatch.setattr(unit_of_work, "ATTEMPT_SECONDS", 1)
    with psycopg.connect(database.migrator_dsn) as owner:
        for limit in ("idle_in_transaction_session_timeout", "statement_timeout"):
            owner.execute(f"ALTER DATABASE {database.name} SET {limit} = '1s'".encode())
    system = open_system(retry_budget_seconds=10)
    books = Books()
    with postgres_way.doing(Fault.BLACKHOLE, where) as struck:
        outcome = system.deliver(batch(0))
    books.deliver(batch(0))
    assert struck
    assert outcome.dead_lettered == 0
    assert system.state() == books.state()
