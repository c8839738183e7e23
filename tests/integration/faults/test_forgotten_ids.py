"""Events whose ids the index no longer has: the archive remembers them, and each of them counts once."""

from datetime import timedelta

import pytest
from tests.integration.books import Books
from tests.integration.events import DAY, NOON, NOT_JSON, TODAY, Message, body, messages, rfc3339
from tests.integration.system import System, run

from payments_storage.errors import TransientStorageError

from .conftest import OpenSystem
from .fault_proxy import FaultProxy
from .faulty_connection import Answer, Delay, Fault
from .wire import Message as Request

WINDOW = 8
LONG_AGO = NOON - 30 * DAY


def old(numbers: range, **changes: object) -> list[Message]:
    """Events of a month ago, over several hours, as the hub took them then; a bad one among them."""
    contents = [
        (b"{", NOT_JSON) if n == 2 else body(n, occurred_at=rfc3339(LONG_AGO - timedelta(minutes=20 * n)), **changes)
        for n in numbers
    ]
    return messages(contents, first=numbers.start, enqueued_at=LONG_AGO)


def forget_ids(system: System) -> None:
    """As when the partitions of ingested_events have been dropped."""
    system.owner_does("TRUNCATE ingested_events")


def is_read(message: Request) -> bool:
    return message.kind == "GET" and b"/raw_events/" in message.data


@pytest.mark.parametrize("again", [range(10), range(1, 10), range(3, 7)], ids=["whole", "cut anew", "a piece"])
def test_events_past_the_dedup_window_are_recognized_by_the_archive(system: System, again: range) -> None:
    books = run(system, old(range(10)))
    forget_ids(system)
    before = system.dump()
    outcome = system.deliver(old(again))
    assert outcome.archived == 0
    assert system.dump() == before
    assert system.state().dynamic_metrics == books.state().dynamic_metrics


def test_among_events_past_the_window_the_new_ones_count(system: System) -> None:
    books = run(system, old(range(6)))
    forget_ids(system)
    outcome = system.deliver(old(range(1, 10)))
    books.deliver(old(range(1, 10)))
    assert (outcome.archived, outcome.duplicates, outcome.failed_before) == (4, 4, 1)
    state, expected = system.state(), books.state()
    assert state.archive == expected.archive
    assert state.payment_metrics_5m == expected.payment_metrics_5m
    assert state.aggregate_histograms == expected.aggregate_histograms
    assert state.dynamic_metrics == expected.dynamic_metrics


def test_a_conflict_with_an_event_past_the_window_is_recognized(system: System) -> None:
    run(system, old(range(2)))
    forget_ids(system)
    outcome = system.deliver(old(range(2), amount="99.00"))
    assert (outcome.archived, outcome.failed) == (0, 2)
    assert system.rows("SELECT DISTINCT stage, error_code FROM failed_items") == [("claim", "conflicting_duplicate")]


@pytest.mark.parametrize(("age", "reads"), [(WINDOW, False), (WINDOW + 1, True)])
def test_the_archive_is_read_for_events_before_the_window_only(
    system: System, blob_way: FaultProxy, age: int, *, reads: bool
) -> None:
    """Reading costs a request a file. The window's first day is still known by the index."""
    day = TODAY - age * DAY
    contents = [body(n, occurred_at=rfc3339(day + timedelta(seconds=n))) for n in range(3)]
    run(system, messages(contents, enqueued_at=day))
    with blob_way.doing(Answer(500), is_read, times=None) as struck:
        if reads:
            with pytest.raises(TransientStorageError):
                system.deliver(messages(contents, enqueued_at=day))
        else:
            assert system.deliver(messages(contents, enqueued_at=day)).duplicates == 3
    assert bool(struck) == reads


def test_of_the_days_between_two_events_nothing_is_read(system: System, blob_way: FaultProxy) -> None:
    """Else one event of the year 2000 would have the whole archive read."""
    days = [LONG_AGO - number * DAY for number in range(3)]
    contents = [body(n, occurred_at=rfc3339(day)) for n, day in enumerate(days)]
    run(system, messages(contents, enqueued_at=LONG_AGO))
    forget_ids(system)
    with blob_way.doing(Delay(0), is_read, times=None) as struck:
        assert system.deliver(messages([contents[0], contents[2]], enqueued_at=LONG_AGO)).duplicates == 2
    assert len(struck) == 2


def test_while_the_archive_cannot_be_read_nothing_past_the_window_counts(
    open_system: OpenSystem, blob_way: FaultProxy
) -> None:
    """Whether it counts already is not known: the host holds the partition."""
    system = open_system(retry_budget_seconds=1)
    books = run(system, old(range(4)))
    forget_ids(system)
    before = system.dump()
    with blob_way.doing(Fault.CUT, is_read, times=None), pytest.raises(TransientStorageError, match="Blob Storage"):
        system.deliver(old(range(4)))
    assert system.dump() == before
    system.runtime.pipeline.intake._archive_away_until = 0.0
    assert system.deliver(old(range(6))).archived == 2
    books.deliver(old(range(6)))
    assert system.state().payment_metrics_5m == books.state().payment_metrics_5m


@pytest.mark.parametrize("size", [10, 14], ids=["the same batch", "a longer one"])
def test_ids_lost_within_the_window_are_found_in_the_file_that_the_delivery_would_write(
    system: System, size: int
) -> None:
    """As after a restore of the index alone; a batch that begins elsewhere is beyond what this can see."""
    books = run(system, messages([body(n) for n in range(10)]))
    forget_ids(system)
    everything = messages([body(n) for n in range(size)])
    outcome = system.deliver(everything)
    books.deliver(everything)
    assert (outcome.duplicates, outcome.archived) == (10, size - 10)
    state, expected = system.state(), books.state()
    assert state.archive == expected.archive
    assert state.payment_metrics_5m == expected.payment_metrics_5m
    assert state.dynamic_metrics == expected.dynamic_metrics


def test_events_that_wait_for_their_archive_file_are_remembered_too(
    open_system: OpenSystem, blob_way: FaultProxy
) -> None:
    """They count, though no file has them yet."""
    system = open_system(retry_budget_seconds=1)
    with blob_way.doing(Answer(503), lambda message: message.kind == "PUT", times=None):
        assert system.deliver(old(range(2))).deferred == 2
    forget_ids(system)
    system.runtime.pipeline.intake._archive_away_until = 0.0
    system.deliver(old(range(2)))
    books = Books()
    books.deliver(old(range(2)))
    assert system.state().payment_metrics_5m == books.state().payment_metrics_5m
