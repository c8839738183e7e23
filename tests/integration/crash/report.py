"""What a crash run was like, in a few lines, and where its result is not what the books say."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.integration.books import State
from tests.integration.events import Message
from tests.integration.test_random_run import first_places, position, without_positions

from .conductor import ANSWERED, Record
from .plan import Step
from .sessions import BEFORE, COMMITTED


@dataclass(frozen=True)
class Hits:
    """Kills by where they hit. `within` is by the table that the open transaction was busy with."""

    before: int
    within: Counter[str]
    after: int


def count_hits(records: list[list[Record]]) -> Hits:
    hits = Counter(record.hit for step in records for record in step if record.hit is not None)
    before, after = hits.pop(BEFORE, 0), hits.pop(COMMITTED, 0) + hits.pop(ANSWERED, 0)
    return Hits(before, hits, after)


def describe(plan: dict[str, list[Step]], records: list[list[Record]], orphans: int) -> str:
    """`records` are of the steps, in any order."""
    hits = count_hits(records)
    within = ", ".join(f"{place} {count}" for place, count in hits.within.most_common())
    return "\n".join(
        [
            f"partitions: {len(plan)}, batches: {sum(map(len, records))}",
            f"  sent from where another one had begun or before: {sum(map(_redeliveries, plan.values()))}",
            f"  two owners of a partition at work at the same time: {sum(map(_overlaps, records))}",
            f"kills: {hits.before + hits.within.total() + hits.after}",
            f"  before the transaction: {hits.before}",
            f"  within it: {hits.within.total()} ({within})",
            f"  after it: {hits.after}",
            f"files that no committed batch knows: {orphans}",
        ]
    )


def _redeliveries(steps: list[Step]) -> int:
    count = furthest = 0
    for delivery in (delivery for step in steps for delivery in step):
        count += delivery.start < furthest
        furthest = max(furthest, delivery.end)
    return count


def _overlaps(step: list[Record]) -> bool:
    return len(step) > 1 and max(record.sent for record in step) < min(record.ended for record in step)


def differences(state: State, expected: State, logs: dict[str, list[Message]]) -> list[str]:
    """A line for each table that is wrong. Which of the places of an event is archived, and in which file, is chance:
    `System.state` has held the files against the manifest.
    """
    places = first_places(logs)
    lines = [f"archived from nowhere: {key}" for key, row in state.archive.items() if position(row) not in places]
    comparable, wanted = vars(_comparable(state)), vars(_comparable(expected))
    return lines + [
        f"{name}: {_difference(comparable[name], right)}" for name, right in wanted.items() if comparable[name] != right
    ]


def _comparable(state: State) -> State:
    return replace(state, archive=without_positions(state.archive), raw_event_files={})


def _difference(found: Any, right: Any) -> str:
    if isinstance(right, Mapping):
        wrong = [key for key in {**right, **found} if found.get(key) != right.get(key)]
        example = f"{wrong[0]} is {found.get(wrong[0])}, should be {right.get(wrong[0])}"
        return f"{len(wrong)} rows of {len(right)} differ, such as: {example}"
    missing, extra = Counter(right) - Counter(found), Counter(found) - Counter(right)
    example = next(iter(missing + extra))
    return f"{missing.total()} rows of {len(right)} are missing, {extra.total()} are too many, such as {example}"
