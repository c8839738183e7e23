"""Blob Storage stops, hangs or answers with an error: events count at once, their archive files follow."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.integration.books import Books, State
from tests.integration.events import DAY, NOON, NOT_JSON, Message, body, messages, rfc3339
from tests.integration.system import System, without_files

from payments.local.azurite import Azurite
from payments.local.postgres import PostgresServer
from payments_storage.deferred_archive import MAX_ATTEMPTS
from payments_storage.errors import PermanentStorageError, TransientStorageError

from .conftest import OpenSystem
from .fault_proxy import FaultProxy
from .faulty_connection import Action, Answer, Delay, Fault
from .wire import Message as Request


def batch(number: int) -> list[Message]:
    """Two days, a bad one, a repeated one: three events to archive."""
    first = number * 5
    yesterday = body(first + 2, occurred_at=rfc3339(NOON - DAY))
    return messages([body(first), body(first + 1), yesterday, (b"{", NOT_JSON), body(first)], first=first)


@contextmanager
def stopped(server: Azurite | PostgresServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


def forget_pause(system: System) -> None:
    """As after the minute in which batches do not even try."""
    system.runtime.pipeline.intake._archive_away_until = 0.0


def redrive(system: System) -> int:
    """Brings back everything, due or not."""
    system.owner_does("UPDATE failed_items SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    report = system.runtime.pipeline.redrive.run(30)
    assert report.stopped is None
    return report.archived


def without_archive(state: State) -> State:
    """What counts though it is not archived yet."""
    failed = {key: row for key, row in state.failed_items.items() if row[0] != "archive"}
    return replace(state, archive={}, raw_event_files={}, failed_items=failed)


def test_events_count_while_blob_storage_is_stopped_and_are_archived_when_it_is_back(
    open_system: OpenSystem, azurite: Azurite
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    system.deliver(batch(0))
    books.deliver(batch(0))
    with stopped(azurite):
        assert [system.deliver(batch(number)).deferred for number in (1, 2)] == [3, 3]
        assert (
            system.rows(
                "SELECT error_code, status, attempts, next_attempt_at > now() FROM failed_items WHERE stage = 'archive'"
            )
            == [("archive_unavailable", "pending", 1, True)] * 6
        )
        assert system.runtime.pipeline.redrive.run(10).stopped is not None
    for number in (1, 2):
        books.deliver(batch(number))
    assert without_archive(system.state()) == without_archive(books.state())
    assert redrive(system) == 6
    assert without_files(system.state()) == without_files(books.state())
    assert system.rows(
        "SELECT DISTINCT status, resolved_by, next_attempt_at IS NULL FROM failed_items WHERE stage = 'archive'"
    ) == [("replayed", "redrive", True)]
    forget_pause(system)
    assert system.deliver(batch(3)).archived == 3
    books.deliver(batch(3))
    assert redrive(system) == 0
    assert without_files(system.state()) == without_files(books.state())


def test_a_batch_does_not_even_try_for_a_minute_after_blob_storage_was_away(
    open_system: OpenSystem, blob_way: FaultProxy
) -> None:
    """Else each batch would wait for the whole budget, and the partition would fall behind."""
    system = open_system(retry_budget_seconds=1)
    with blob_way.doing(Answer(503), lambda message: message.kind == "PUT", times=None):
        assert system.deliver(batch(0)).deferred == 3
    with blob_way.doing(Answer(503), lambda _: True, times=None) as struck:
        assert system.deliver(batch(1)).deferred == 3
    assert struck == []
    assert 0 < system.runtime.pipeline.intake._archive_away_until - time.monotonic() <= 60
    forget_pause(system)
    assert system.deliver(batch(2)).archived == 3


def test_a_redelivery_of_deferred_events_changes_nothing(open_system: OpenSystem, blob_way: FaultProxy) -> None:
    """Before their file is written, and after."""
    system = open_system(retry_budget_seconds=1)
    books = Books()
    books.deliver(batch(0))
    with blob_way.doing(Answer(500), lambda message: message.kind == "PUT", times=None):
        system.deliver(batch(0))
    forget_pause(system)
    before = system.dump()
    assert system.deliver(batch(0)).duplicates == 4
    assert system.dump() == before
    assert redrive(system) == 3
    before = system.dump()
    system.deliver(batch(0))
    assert system.dump() == before
    assert system.state() == books.state()


PASSING: dict[str, Action] = {
    "500": Answer(500),
    "503 that asks for half a minute": Answer(503, "Retry-After: 30\r\nx-ms-error-code: ServerBusy\r\n"),
    "429": Answer(429, "Retry-After: 30\r\n"),
    "408": Answer(408),
    "a reset": Fault.CUT,
    "half a request": Fault.HALVE,
    "no answer": Fault.BLACKHOLE,
    "an answer too late": Delay(1.5),
}


@pytest.mark.parametrize("action", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "always"])
def test_an_upload_that_fails_is_tried_again_and_deferred_when_the_budget_is_spent(
    open_system: OpenSystem, blob_way: FaultProxy, action: Action, *, for_ever: bool
) -> None:
    """A Retry-After is not waited for: what does not come back within the budget is left to the redrive."""
    system = open_system(retry_budget_seconds=2)
    started = time.monotonic()
    with blob_way.doing(action, lambda message: message.kind == "PUT", times=None if for_ever else 1) as struck:
        outcome = system.deliver(batch(0))
    assert (outcome.archived, outcome.deferred) == ((0, 3) if for_ever else (3, 0))
    assert len(struck) >= (2 if for_ever else 1)
    assert time.monotonic() - started < 30, "a Retry-After was waited for"
    books = Books()
    books.deliver(batch(0))
    assert redrive(system) == outcome.deferred
    assert system.state() == books.state()


@pytest.mark.parametrize("status", [400, 401, 403])
def test_an_answer_that_will_not_change_is_raised_at_once_and_nothing_counts(
    open_system: OpenSystem, blob_way: FaultProxy, status: int
) -> None:
    system = open_system(retry_budget_seconds=5)
    with (
        blob_way.doing(Answer(status), lambda message: message.kind == "PUT", times=None) as struck,
        pytest.raises(PermanentStorageError, match=rf"Blob Storage: write raw_events/.*: HTTP {status}"),
    ):
        system.deliver(batch(0))
    assert len(struck) == 1
    assert system.rows("SELECT FROM ingested_events") == []
    books = Books()
    system.deliver(batch(0))
    books.deliver(batch(0))
    assert system.state() == books.state()


def test_with_both_away_the_delivery_is_raised_and_nothing_counts_until_it_comes_again(
    open_system: OpenSystem, azurite: Azurite, postgres_server: PostgresServer
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    system.deliver(batch(0))
    books.deliver(batch(0))
    with stopped(azurite), stopped(postgres_server):
        for _ in range(2):
            with pytest.raises(TransientStorageError):
                system.deliver(batch(1))
    assert system.state() == books.state()
    system.deliver(batch(1))
    books.deliver(batch(1))
    assert system.state() == books.state()


def test_postgresql_away_in_the_minute_after_blob_storage_was_away_makes_a_dead_letter(
    open_system: OpenSystem, postgres_server: PostgresServer, blob_way: FaultProxy
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    with blob_way.doing(Answer(503), lambda message: message.kind == "PUT", times=None):
        system.deliver(batch(0))
    with stopped(postgres_server):
        assert system.deliver(batch(1)).dead_lettered
    for number in (0, 1):
        books.deliver(batch(number))
    assert redrive(system) == 3, "the files that waited; the letter brings its own"
    assert without_files(system.state()) == without_files(books.state())


def is_write_of_archive(message: Request) -> bool:
    return message.kind == "PUT" and b"raw_events" in message.data


def test_a_redrive_that_is_cut_off_between_a_file_and_its_commit_writes_it_again(
    open_system: OpenSystem, blob_way: FaultProxy, postgres_way: FaultProxy
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    books.deliver(batch(0))
    with blob_way.doing(Answer(503), is_write_of_archive, times=None):
        system.deliver(batch(0))
    system.owner_does("UPDATE failed_items SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    with postgres_way.doing(Fault.CUT, lambda message: b"INSERT INTO raw_event_files" in message.data):
        assert system.runtime.pipeline.redrive.run(30).stopped is not None
    assert len(list(system.container.list_blobs())) == 2, "files that do not count"
    assert redrive(system) == 3
    assert system.state() == books.state()


def test_an_archive_file_that_can_never_be_written_ends_with_a_person(
    open_system: OpenSystem, blob_way: FaultProxy
) -> None:
    system = open_system(retry_budget_seconds=1)
    with blob_way.doing(Answer(503), is_write_of_archive, times=None):
        system.deliver(batch(0))
        system.owner_does(f"UPDATE failed_items SET attempts = {MAX_ATTEMPTS - 1}")  # noqa: S608 - ours
        for waits in (True, False):
            assert redrive(system) == 3
            assert system.rows(
                "SELECT DISTINCT next_attempt_at IS NOT NULL FROM failed_items WHERE stage = 'archive'"
            ) == [(waits,)]
    assert redrive(system) == 0
    assert system.rows("SELECT DISTINCT status, attempts FROM failed_items WHERE stage = 'archive'") == [
        ("pending", MAX_ATTEMPTS + 1)
    ]


def test_an_archive_that_answers_and_yet_takes_no_file_is_tried_again_later_and_later(
    open_system: OpenSystem, blob_way: FaultProxy
) -> None:
    system = open_system(retry_budget_seconds=1)
    with blob_way.doing(Answer(503), is_write_of_archive, times=None):
        system.deliver(batch(0))
        pauses = []
        for _ in range(3):
            assert redrive(system) == 3
            pauses += system.rows(
                "SELECT DISTINCT attempts, round(extract(epoch FROM next_attempt_at - now()) / 60)::int "
                "FROM failed_items WHERE stage = 'archive'"
            )
    assert pauses == [(2, 2), (3, 4), (4, 8)]
    books = Books()
    books.deliver(batch(0))
    assert redrive(system) == 3
    assert system.state() == books.state()
