"""Blob Storage fails when a delivery parks its dear events: whatever it answers, each event counts once."""

import pytest
from tests.integration.books import Books
from tests.integration.events import Message, body, messages
from tests.integration.system import System, without_files

from payments_core.event import Delivery
from payments_storage.dead_letters import DeadLetter
from payments_storage.errors import PermanentStorageError

from .conftest import OpenSystem
from .fault_proxy import FaultProxy
from .faulty_connection import Action, Answer, Fault
from .wire import Message as Request


def batch() -> list[Message]:
    """Three events of one key, and three of keys that nobody shares."""
    common = [body(number) for number in range(3)]
    return messages([*common, *(body(number, event_type=f"type-{number}") for number in range(3, 6))])


@pytest.fixture
def narrow(open_system: OpenSystem, monkeypatch: pytest.MonkeyPatch) -> System:
    """It takes one key at once."""
    system = open_system(retry_budget_seconds=1)
    monkeypatch.setattr(system.runtime.pipeline.intake, "_keys_at_most", 1)
    return system


def is_parking(message: Request) -> bool:
    return message.kind == "PUT" and b"/parked/" in message.data.replace(b"%2F", b"/")


def redrive_all(system: System) -> None:
    system.owner_does("UPDATE failed_items SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    assert system.runtime.pipeline.redrive.run(30).stopped is None
    assert list(system.runtime.pipeline.dead_letters.parked()) == []


def in_the_end(system: System) -> None:
    books = Books()
    books.deliver(batch())
    assert without_files(system.state()) == without_files(books.state())


@pytest.mark.parametrize("action", [Answer(503), Answer(500), Fault.BLACKHOLE, Fault.CUT], ids=str)
def test_what_cannot_be_parked_counts_at_once_and_its_files_follow(
    narrow: System, blob_way: FaultProxy, action: Action
) -> None:
    with blob_way.doing(action, is_parking, times=None) as struck:
        outcome = narrow.deliver(batch())
    assert struck
    assert (outcome.delivered, outcome.duplicates, outcome.deferred, outcome.parked) == (6, 3, 3, 0)
    redrive_all(narrow)
    in_the_end(narrow)


def test_a_delivery_that_ends_between_its_commit_and_its_letter_comes_again_and_counts_once(
    narrow: System, blob_way: FaultProxy
) -> None:
    """As a process that is killed there: the host has no answer, and delivers again."""
    with (
        blob_way.doing(Answer(403), is_parking, times=None),
        pytest.raises(PermanentStorageError, match=r"write parked/.*: HTTP 403"),
    ):
        narrow.deliver(batch())
    assert narrow.rows("SELECT count(*) FROM ingested_events") == [(3,)]
    outcome = narrow.deliver(batch())
    assert (outcome.duplicates, outcome.parked) == (3, 3)
    redrive_all(narrow)
    in_the_end(narrow)


def test_dead_letters_and_archive_files_come_before_what_is_parked(
    narrow: System, postgres_way: FaultProxy, blob_way: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that somebody makes dear must not keep those waiting that an outage has kept waiting already."""
    pipeline = narrow.runtime.pipeline
    narrow.deliver(batch())
    with postgres_way.doing(Fault.CUT, lambda _: True, times=None):
        assert narrow.deliver(messages([body(6)], first=6)).dead_lettered == 1
    with blob_way.doing(Answer(503), lambda message: message.kind == "PUT", times=None):
        assert narrow.deliver(messages([body(7)], first=7)).deferred == 1
    narrow.owner_does("UPDATE failed_items SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    order: list[str] = []
    load, write_next = pipeline.dead_letters.load, pipeline.deferred_archive.write_next

    def load_and_note(letter: DeadLetter) -> Delivery | None:
        order.append(letter.name.partition("/")[0])
        return load(letter)

    def write_and_note() -> int:
        order.append("file")
        return write_next()

    monkeypatch.setattr(pipeline.dead_letters, "load", load_and_note)
    monkeypatch.setattr(pipeline.deferred_archive, "write_next", write_and_note)
    assert pipeline.redrive.run(30).stopped is None
    assert list(dict.fromkeys(order)) == ["pending", "file", "parked"]
