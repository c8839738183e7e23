"""A batch of very many days counts at once and makes few files; the redrive writes the others, a few at a time."""

from payments_storage.archive_path import DAYS_AT_MOST

from .books import Books
from .events import DAY, NOON, Message, body, messages, rfc3339
from .system import System, without_files

DAYS = DAYS_AT_MOST * 2 + 5


def batch() -> list[Message]:
    """An event on each of many days, and a second one today."""
    days = [*range(DAYS), 0]
    return messages([body(number, occurred_at=rfc3339(NOON - day * DAY)) for number, day in enumerate(days)])


def make_due(system: System) -> None:
    system.owner_does("UPDATE failed_items SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")


def test_events_count_at_once_and_their_files_follow_a_few_at_a_time(system: System) -> None:
    books = Books()
    books.deliver(batch())
    outcome = system.deliver(batch())
    assert (outcome.archived, outcome.deferred) == (DAYS_AT_MOST + 1, DAYS - DAYS_AT_MOST)
    assert len(outcome.files) == DAYS_AT_MOST
    state, expected = system.state(), books.state()
    assert state.payment_metrics_5m == expected.payment_metrics_5m
    assert state.dynamic_metrics == expected.dynamic_metrics
    assert state.ingested_events == expected.ingested_events
    assert set(system.rows("SELECT error_code, message, next_attempt_at > now() FROM failed_items")) == {
        ("archive_unavailable", "the batch has events of more than 32 days", True)
    }

    make_due(system)
    deferred = system.runtime.pipeline.deferred_archive
    assert [deferred.write_next() for _ in range(3)] == [DAYS_AT_MOST, 5, 0]
    assert without_files(system.state()) == without_files(expected)


def test_a_redelivery_changes_nothing_before_its_files_are_written_and_after(system: System) -> None:
    system.deliver(batch())
    before = system.dump()
    assert system.deliver(batch()).duplicates == DAYS + 1
    assert system.dump() == before
    make_due(system)
    assert system.runtime.pipeline.redrive.run(30).archived == DAYS - DAYS_AT_MOST
    before = system.dump()
    system.deliver(batch())
    assert system.dump() == before
