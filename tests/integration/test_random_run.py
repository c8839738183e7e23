"""Random events, cut at random, redelivered at random, by two owners at once: plain bookkeeping agrees with it all."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, Final

from .books import Books, Key
from .events import Message
from .system import System
from .traffic import Traffic


class Owner:
    """Takes its partitions batch by batch; begins again further back now and then, also in those of the other owner."""

    def __init__(self, system: System, logs: dict[str, list[Message]], mine: list[str], seed: int) -> None:
        self._system = system
        self._logs = logs
        self._place = dict.fromkeys(mine, 0)
        self._random = Random(seed)  # noqa: S311 - the same in every run
        self.deliveries = 0

    def run(self, reached: dict[str, int]) -> None:
        """`reached` is how far each partition has come, whoever took it there."""
        random = self._random
        while unfinished := [name for name, place in self._place.items() if place < len(self._logs[name])]:
            name = random.choice(unfinished)
            start = max(0, self._place[name] - random.choice((0, 0, 0, 1, 30)))
            end = self._place[name] + random.randint(1, 120)
            self._deliver(name, start, end)
            self._place[name] = reached[name] = min(end, len(self._logs[name]))
            if random.random() < 0.4:
                again = random.choice([each for each, place in reached.items() if place])
                start = random.randrange(reached[again])
                self._deliver(again, start, random.randint(start + 1, reached[again]))

    def _deliver(self, name: str, start: int, end: int) -> None:
        self._system.deliver(self._logs[name][start:end], name)
        self.deliveries += 1


POSITION: Final = ("partition_id", "sequence_number", "enqueued_at")


def position(row: dict[str, Any]) -> Key:
    return (*(row[name] for name in POSITION), row["event_payload"])


def without_positions(archive: dict[Key, dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """An event that was sent into two partitions is archived from the one that was faster."""
    return {key: {name: row[name] for name in row if name not in POSITION} for key, row in archive.items()}


def first_places(logs: dict[str, list[Message]]) -> set[Key]:
    """The position of each body where it stands first in a partition: nothing may be archived from another one."""
    places: dict[tuple[str, bytes], Key] = {}
    for name, log in logs.items():
        for message in log:
            if message.bad is None:
                place = (name, message.sequence_number, message.enqueued_at, message.body.decode())
                places.setdefault((name, message.body), place)
    return set(places.values())


def test_all_tables_and_the_archive_are_what_plain_bookkeeping_makes_of_the_same_events(
    system: System, other_owner: System
) -> None:
    logs = Traffic(seed=20261123, partitions=4, count=500).partitions
    books = Books()
    for name, log in logs.items():
        books.deliver(log, name)
    expected = books.state()
    kinds = {code for _, code, *_ in expected.failed_items.values()}
    assert {"conflicting_duplicate", "not_json", "amount_too_fine"} <= kinds
    assert len(expected.archive) > 1400

    owners = [Owner(system, logs, ["0", "1"], seed=1), Owner(other_owner, logs, ["2", "3"], seed=2)]
    reached = dict.fromkeys(logs, 0)
    with ThreadPoolExecutor(len(owners)) as threads:
        for running in [threads.submit(owner.run, reached) for owner in owners]:
            running.result()
    assert all(owner.deliveries > 15 for owner in owners)

    state = system.state()
    assert without_positions(state.archive) == without_positions(expected.archive)
    assert {position(row) for row in state.archive.values()} <= first_places(logs)
    assert state.ingested_events == expected.ingested_events
    assert state.dynamic_metrics == expected.dynamic_metrics
    assert state.payment_metrics_5m == expected.payment_metrics_5m
    assert state.aggregate_histograms == expected.aggregate_histograms
    assert state.failed_items == expected.failed_items

    before = system.dump()
    for name, log in logs.items():
        for start in range(0, len(log), 200):
            system.deliver(log[start : start + 200], name)
    assert system.dump() == before
