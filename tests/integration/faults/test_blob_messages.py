"""The connection to Blob Storage fails at every message of a delivery in turn: each delivery counts exactly once."""

from itertools import count

import pytest
from tests.integration.books import Books
from tests.integration.events import DAY, NOON, body, messages, rfc3339
from tests.integration.events import Message as Event
from tests.integration.system import System

from .fault_proxy import FaultProxy, at
from .faulty_connection import Fault
from .wire import Message


def batch(number: int) -> list[Event]:
    """Two events of two days: two files."""
    first = number * 2
    return messages([body(first), body(first + 1, occurred_at=rfc3339(NOON - DAY))], first=first)


def is_upload(message: Message) -> bool:
    return message.kind == "PUT"


def is_uploaded(message: Message) -> bool:
    return message.kind == "201"


@pytest.mark.parametrize(("fault", "orphans"), [*((fault, False) for fault in Fault), (Fault.CUT, True)])
def test_whatever_message_the_connection_fails_at_the_delivery_counts_once(
    system: System, blob_way: FaultProxy, fault: Fault, *, orphans: bool
) -> None:
    """Cut after the file was written and before its answer, a retry meets the file as an orphan of its own."""
    books = Books()
    kinds: set[str] = set()
    for number in count():
        if orphans:
            for each in batch(number):
                day = each.body.decode().partition('"occurred_at": "')[2][:10]
                leave_orphan(system, day, each)
        with blob_way.doing(fault, at(number + 1)) as struck:
            outcome = system.deliver(batch(number))
        books.deliver(batch(number))
        assert (outcome.archived, outcome.deferred, outcome.dead_lettered) == (2, 0, 0)
        if not struck:
            break
        kinds |= {message.kind for message in struck}
    assert system.state() == books.state()
    assert kinds >= ({"PUT", "201", "HEAD", "200", "409"} if orphans else {"PUT", "201"})


def leave_orphan(system: System, day: str, event: Event) -> None:
    """What an attempt left that did not commit."""
    year, month, number = day.split("-")
    stamp = event.enqueued_at.strftime("%Y%m%dT%H%M%S%fZ")
    folder = f"raw_events/yyyy={year}/mm={month}/dd={number}"
    system.container.upload_blob(f"{folder}/events_{stamp}_p0-{event.sequence_number}.parquet", b"half a file")
