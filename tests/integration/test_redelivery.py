"""An Event Hub delivers at least once, and cuts batches anew: the second time changes nothing, in no table.

Time runs to the right; each line is one delivery, with the sequence numbers in it.
"""

from datetime import timedelta
from itertools import pairwise

import pytest

from .books import Books
from .events import DAY, NOON, NOT_JSON, Message, bodies, body, messages, rfc3339
from .system import System, run

BAD = (b"{", NOT_JSON)


def log(count: int) -> list[Message]:
    """A partition with a bad event in every seventh place."""
    return messages([BAD if n % 7 == 3 else body(n, risk_score=n / 100) for n in range(count)])


def test_the_same_batch_twice_is_written_once(system: System) -> None:
    """Deliveries:

    0----------19
    0----------19
    """
    batch = log(20)
    books = run(system, batch)
    before = system.dump()
    again = system.deliver(batch)
    assert (again.archived, again.duplicates, again.failed, again.failed_before) == (0, 17, 0, 3)
    assert (again.metrics, again.files) == (0, [])
    assert system.dump() == before
    assert system.state() == books.state()


def test_of_overlapping_batches_the_second_adds_only_what_is_new(system: System) -> None:
    """Deliveries:

    0----------19
          10----------29
        5----------24
    """
    everything = log(30)
    books = run(system, everything[:20], everything[10:], everything[5:25])
    assert system.state() == books.state()
    assert [rows for (rows,) in system.rows("SELECT rows FROM raw_event_files ORDER BY path")] == [17, 9]


@pytest.mark.parametrize("cuts", [(), (1, 2, 3), (5, 10, 15, 20, 25)])
def test_a_batch_whose_boundaries_moved_changes_nothing(system: System, cuts: tuple[int, ...]) -> None:
    """Deliveries:

    0-----6 7--------19 20-------29
    0---------- cut anew -------29
    """
    everything = log(30)
    books = run(system, everything[:7], everything[7:20], everything[20:])
    before = system.dump()
    bounds = [0, *cuts, 30]
    for start, end in pairwise(bounds):
        system.deliver(everything[start:end])
    assert system.dump() == before
    assert system.state() == books.state()


def test_an_event_twice_within_one_batch_counts_once(system: System) -> None:
    batch = messages([body(1), body(2), body(1), body(1)])
    books = run(system, batch)
    assert system.state() == books.state()
    assert [row["sequence_number"] for row in system.state().archive.values()] == [0, 1]
    assert system.rows("SELECT total_count FROM payment_metrics_5m") == [(2,)]


def test_an_event_that_was_sent_twice_counts_once_whatever_partition_it_took(system: System) -> None:
    books = Books()
    for partition in ("0", "1"):
        batch = messages(bodies([1]))
        system.deliver(batch, partition)
        books.deliver(batch, partition)
    assert system.state() == books.state()


class TestConflict:
    """The same id with another body: the first one counts, the other one is for a person to look at."""

    FIRST, SECOND = body(1, amount="10.00"), body(1, amount="99.00")

    def test_in_one_batch(self, system: System) -> None:
        books = run(system, messages([self.FIRST, self.SECOND, body(2)]))
        state = system.state()
        assert state == books.state()
        (failed,) = state.failed_items.values()
        assert failed == (
            *("claim", "conflicting_duplicate", "event_id", self.SECOND),
            *("00000000-0000-0000-0000-0000a0000001", "txn-00001"),
        )
        assert [row["amount"] for row in state.archive.values()] == [10, 10]

    def test_across_batches(self, system: System) -> None:
        books = run(system, messages([self.FIRST]), messages([self.SECOND, body(2)], first=1))
        assert system.state() == books.state()
        assert system.rows("SELECT total_count, total_amount FROM payment_metrics_5m") == [(2, 20)]

    def test_redelivered_is_not_written_twice(self, system: System) -> None:
        batch = messages([self.FIRST, self.SECOND])
        run(system, batch)
        before = system.dump()
        for again in (batch, batch[1:], batch[:1]):
            system.deliver(again)
        assert system.dump() == before

    @pytest.mark.parametrize("cuts", [(), (1,), (2,), (1, 2)])
    def test_a_verdict_does_not_depend_on_where_a_batch_is_cut(self, system: System, cuts: tuple[int, ...]) -> None:
        """The first, another one, the first again: redelivered from the other one on, nothing changes."""
        everything = messages([self.FIRST, self.SECOND, self.FIRST])
        bounds = [0, *cuts, 3]
        batches = [everything[start:end] for start, end in pairwise(bounds)]
        books = run(system, *batches)
        before = system.dump()
        for start in range(3):
            system.deliver(everything[start:])
        assert system.dump() == before
        assert system.state() == books.state()
        assert len(before["failed_items"]) == 1

    @pytest.mark.parametrize("together", [True, False])
    def test_an_id_identifies_an_event_within_its_day(self, system: System, *, together: bool) -> None:
        """On another day it is another event, in one batch as in two (docs/adr/0001): the index is made of days."""
        batch = messages([body(1), body(1, occurred_at=rfc3339(NOON - DAY)), body(1)])
        books = run(system, *([batch] if together else [batch[:1], batch[1:2], batch[2:]]))
        state = system.state()
        assert state == books.state()
        assert (len(state.archive), len(state.failed_items)) == (2, 0)


def test_a_late_event_is_recognized_when_it_comes_again(system: System) -> None:
    late = [body(n, occurred_at=rfc3339(NOON - timedelta(days=6, seconds=n))) for n in range(5)]
    books = run(system, messages(late), messages(late[3:] + bodies([9]), first=3), messages(late))
    assert system.state() == books.state()
    assert len(system.state().archive) == 6
