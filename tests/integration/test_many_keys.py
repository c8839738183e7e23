"""A batch that touches very many aggregates: the dear events are parked, and come back in parts of bounded size."""

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from payments_storage.redrive import RedriveReport

from .books import Books
from .events import NOON, Message, body, messages, rfc3339
from .system import System, without_files

DEAR = 1_100
COMMON = 200
KEYS = 500


def batch() -> list[Message]:
    """An event type each, so that no two events share an aggregate; ordinary events behind them; a repeated one."""
    dear = [body(number, occurred_at=rfc3339(NOON), event_type=f"type-{number}") for number in range(DEAR)]
    common = [body(DEAR + number, occurred_at=rfc3339(NOON)) for number in range(COMMON)]
    return messages([*dear, *common, dear[0]])


def books() -> Books:
    kept = Books()
    kept.deliver(batch())
    return kept


def redrive(system: System) -> RedriveReport:
    report = system.runtime.pipeline.redrive.run(60)
    assert (report.stopped, report.postponed, report.quarantined) == (None, 0, 0)
    return report


def transactions(system: System) -> int:
    """How many have made rows of the aggregates."""
    ((count,),) = system.rows("SELECT count(DISTINCT xmin::text) FROM aggregate_histograms")
    return int(count)


def test_what_others_share_is_stored_at_once_and_the_rest_comes_by_the_redrive(system: System) -> None:
    outcome = system.deliver(batch())
    # Two keys are of several events: that of the ordinary ones, and that of the event that is there twice.
    stored = COMMON + KEYS - 1
    assert (outcome.archived, outcome.duplicates, outcome.parked) == (stored, 1, DEAR + COMMON - stored)
    assert outcome.delivered == len(batch())
    assert system.rows("SELECT event_count FROM aggregate_histograms WHERE event_type = 'payment.captured'") == (
        [(COMMON,)] * 4
    )
    report = redrive(system)
    assert (report.letters, report.events) == (1, outcome.parked)
    assert without_files(system.state()) == without_files(books().state())
    assert redrive(system) == RedriveReport()


def test_a_redelivery_counts_once_before_the_redrive_and_after(system: System) -> None:
    first = system.deliver(batch())
    stored = system.state()
    again = system.deliver(batch())
    assert (again.duplicates, again.parked) == (first.archived + 1, first.parked)
    assert system.state() == stored
    assert redrive(system).letters == 1, "the same part is the same letter"
    assert without_files(system.state()) == without_files(books().state())
    before = system.dump()
    assert system.deliver(batch()).parked == first.parked
    assert redrive(system).letters == 1
    assert system.dump() == before


def test_a_letter_of_very_many_keys_is_committed_in_parts(system: System) -> None:
    """The redrive has no bound but that of one transaction."""
    wide = messages([body(number, occurred_at=rfc3339(NOON), event_type=f"type-{number}") for number in range(1_700)])
    assert system.deliver(wide).parked == 1_700 - KEYS
    redrive(system)
    assert transactions(system) == 3
    kept = Books()
    kept.deliver(wide)
    assert without_files(system.state()) == without_files(kept.state())


def test_a_batch_of_as_many_events_and_few_keys_is_committed_at_once(system: System) -> None:
    outcome = system.deliver(messages([body(number) for number in range(DEAR)]))
    assert (outcome.archived, outcome.parked, len(outcome.files), transactions(system)) == (DEAR, 0, 1, 1)


def log_of_few_keys() -> list[Message]:
    random = Random(1)  # noqa: S311 - the same in every run
    types = [f"type-{random.randrange(40)}" for _ in range(600)]
    return messages([body(number, occurred_at=rfc3339(NOON), event_type=kind) for number, kind in enumerate(types)])


def test_parts_of_overlapping_deliveries_by_two_owners_add_up_to_their_union(
    system: System, other_owner: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boundaries move, so the same event is stored by one owner and parked by the other, in parts that look alike."""
    log = log_of_few_keys()
    owners = (system, other_owner)
    for each in owners:
        monkeypatch.setattr(each.runtime.pipeline.intake, "_keys_at_most", 3)

    def own(owner: System, seed: int) -> int:
        random, place, parked = Random(seed), 0, 0  # noqa: S311 - the same in every run
        while place < len(log):
            start = max(0, place - random.choice((0, 0, 1, 20)))
            place = min(place + random.randint(1, 60), len(log))
            parked += owner.deliver(log[start:place]).parked
        return parked

    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(own, owners, (2, 3)))
        reports = list(threads.map(redrive, owners))
    assert sum(report.letters for report in reports) > 10
    kept = Books()
    kept.deliver(log)
    assert without_files(system.state()) == without_files(kept.state())


def test_parts_that_begin_and_end_alike_are_letters_of_their_own(
    system: System, other_owner: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the second would take the place of the first, which holds other events, and is all that there is of them."""
    common, rare = "payment.captured", "type-{}".format
    kinds = [rare(1), common, rare(2), common, rare(2), rare(2), rare(3), common]
    log = messages([body(number, occurred_at=rfc3339(NOON), event_type=kind) for number, kind in enumerate(kinds)])
    letters = []
    for owner, part, taken in ((system, log, 2), (other_owner, log[:4] + log[6:], 1)):
        monkeypatch.setattr(owner.runtime.pipeline.intake, "_keys_at_most", taken)
        owner.deliver(part)
        letters = [letter.name for letter in owner.runtime.pipeline.dead_letters.parked()]
    assert len(letters) == 2
    assert {name.rpartition("_")[0] for name in letters} == {letters[0].rpartition("_")[0]}
    redrive(system)
    kept = Books()
    kept.deliver(log)
    assert without_files(system.state()) == without_files(kept.state())
