"""PostgreSQL refuses a batch because of some of its events: exactly these end in failed_items, the others count."""

import math
from typing import Final

import pytest
from tests.integration.books import Books
from tests.integration.events import Bad, Message, body, event, messages
from tests.integration.system import System

from payments_storage.errors import PermanentStorageError

from .conftest import orphans
from .fault_proxy import FaultProxy
from .faulty_connection import Delay

SIZE: Final = 64
REFUSED_BY: Final = {
    "metrics": "ALTER TABLE dynamic_metrics ADD CONSTRAINT small CHECK (metric_value < 900)",
    "aggregate": "ALTER TABLE payment_metrics_5m ADD CONSTRAINT small CHECK (max_amount < 900)",
    "claim": "ALTER TABLE ingested_events ADD CONSTRAINT no_such_id CHECK (event_id::text NOT LIKE '%fff')",
}


def log(stage: str, bad: set[int], size: int = SIZE) -> list[Message]:
    """The events at these places are refused, at this stage."""
    contents: list[bytes | tuple[bytes, Bad]] = []
    for number in range(size):
        if number not in bad:
            contents.append(body(number))
            continue
        changes = {"amount": "950.00"}
        if stage == "claim":
            changes["event_id"] = f"00000000-0000-0000-0000-{number:09}fff"
        wanted = event(number, **changes)
        reason = Bad(stage, "refused_by_database", None, wanted["event_id"], wanted["transaction_id"])
        contents.append((body(number, **changes), reason))
    return messages(contents)


@pytest.mark.parametrize("bad", [{17}, {0, 63}, {5, 6, 7}, set(range(0, 64, 9))], ids=["one", "ends", "row", "many"])
@pytest.mark.parametrize("stage", REFUSED_BY)
def test_exactly_the_refused_events_are_quarantined_in_few_transactions(
    system: System, postgres_way: FaultProxy, stage: str, bad: set[int]
) -> None:
    """Halving finds one of n events in 1 + 2 log n batches, and one more for its quarantine."""
    system.owner_does(REFUSED_BY[stage])
    books = Books()
    books.deliver(log(stage, bad))
    begins = postgres_way.doing(Delay(0), lambda message: message.kind == "Q" and b"BEGIN" in message.data, times=None)
    with begins as tried:
        outcome = system.deliver(log(stage, bad))
    assert (outcome.archived, outcome.failed) == (SIZE - len(bad), len(bad))
    assert len(tried) <= 1 + len(bad) * (2 * math.log2(SIZE) + 1)
    state, expected = system.state(orphans(system)), books.state()
    assert state.failed_items == expected.failed_items
    assert {key: row["event_payload"] for key, row in state.archive.items()} == {
        key: row["event_payload"] for key, row in expected.archive.items()
    }
    for table in ("ingested_events", "dynamic_metrics", "payment_metrics_5m", "aggregate_histograms"):
        assert getattr(state, table) == getattr(expected, table)


def test_a_redelivery_of_a_batch_that_was_halved_changes_nothing(system: System) -> None:
    system.owner_does(REFUSED_BY["metrics"])
    system.deliver(log("metrics", {3, 40}))
    before = system.dump()
    again = system.deliver(log("metrics", {3, 40}))
    assert (again.archived, again.duplicates, again.failed, again.failed_before) == (0, SIZE - 2, 0, 2)
    assert system.dump() == before


def test_what_not_even_its_quarantine_is_accepted_of_is_raised(system: System) -> None:
    """No event can cause that: somebody has changed the table, and the partition waits until it is put right."""
    system.owner_does("ALTER TABLE failed_items ADD CONSTRAINT nothing CHECK (stage <> 'metrics')")
    system.owner_does(REFUSED_BY["metrics"])
    with pytest.raises(PermanentStorageError, match=r"failed_items_\d{8}, nothing"):
        system.deliver(log("metrics", {5}, size=8))
    system.owner_does("ALTER TABLE failed_items DROP CONSTRAINT nothing")
    outcome = system.deliver(log("metrics", {5}, size=8))
    assert (outcome.archived + outcome.duplicates, outcome.failed) == (7, 1)
    books = Books()
    books.deliver(log("metrics", {5}, size=8))
    assert system.state(orphans(system)).payment_metrics_5m == books.state().payment_metrics_5m
