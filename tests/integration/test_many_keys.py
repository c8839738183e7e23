"""A batch that touches very many aggregates is committed in parts: no transaction grows beyond what its time allows."""

from .books import Books
from .events import NOON, Message, body, messages, rfc3339
from .system import System, without_files

EVENTS = 1_100


def batch() -> list[Message]:
    """An event type each, so that no two events share an aggregate; and the first one again."""
    bodies = [body(number, occurred_at=rfc3339(NOON), event_type=f"type-{number}") for number in range(EVENTS)]
    return messages([*bodies, bodies[0]])


def transactions(system: System) -> int:
    """How many have made rows of the aggregates."""
    ((count,),) = system.rows("SELECT count(DISTINCT xmin::text) FROM aggregate_histograms")
    return int(count)


def test_a_batch_of_very_many_keys_is_committed_in_parts_and_counts_once(system: System) -> None:
    books = Books()
    books.deliver(batch())
    outcome = system.deliver(batch())
    assert (outcome.archived, outcome.duplicates, len(outcome.files)) == (EVENTS, 1, 2)
    assert transactions(system) == 2
    assert without_files(system.state()) == without_files(books.state())
    before = system.dump()
    assert system.deliver(batch()).duplicates == EVENTS + 1
    assert system.dump() == before


def test_a_batch_of_as_many_events_and_few_keys_is_committed_at_once(system: System) -> None:
    outcome = system.deliver(messages([body(number) for number in range(EVENTS)]))
    assert (outcome.archived, len(outcome.files), transactions(system)) == (EVENTS, 1, 1)
