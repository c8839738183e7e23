"""What a crash run does, drawn from a seed alone: which batches, cut where, to how many owners, and who is killed when.

A killed delivery never moves the checkpoint, however far it came: so the plan does not depend on how fast anything is.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Final

LONGEST: Final = 120
FURTHEST_BACK: Final = 60
LATEST: Final = 1.1
EXCHANGES: Final = 16
"""A batch with new events takes 14 of them, one with nothing new takes 7."""


@dataclass(frozen=True)
class Kill:
    """One of two: after this part of the usual time of a delivery, or after its so-manieth exchange with PostgreSQL."""

    time: float | None = None
    exchange: int | None = None


@dataclass(frozen=True)
class Delivery:
    """Messages `start` to `end` (not included) of a partition, and what happens to the worker that gets them."""

    start: int
    end: int
    kill: Kill | None = None


Step = tuple[Delivery, ...]
"""What goes to different owners at once. The next step of the partition begins when all of them answered or died."""


def make_plan(seed: int, lengths: dict[str, int], kills: int) -> dict[str, list[Step]]:
    """The steps of each partition, in order, with exactly so many kills in all.

    As an Event Hub does it, a delivery begins at the checkpoint or before it: what lies before was committed.
    """
    random = Random(seed)  # noqa: S311 - to be replayed
    checkpoints = {name: _checkpoints(random, length) for name, length in lengths.items()}
    places = [(name, place) for name, found in checkpoints.items() for place in found[:-1]]
    killed = Counter(random.choices(places, k=kills))
    waiting = _kills(random, kills)
    plan = {}
    for name, found in checkpoints.items():
        used: set[tuple[int, int]] = set()
        plan[name] = [
            step
            for place, following in pairwise(found)
            for step in _steps(
                random, (place, following, lengths[name]), [waiting.pop() for _ in range(killed[name, place])], used
            )
        ]
    return plan


def _kills(random: Random, count: int) -> list[Kill]:
    """Spread evenly: a third over time, where work of our own is hit and the upload; the others over the exchanges,
    since most of these are too short to be hit by time.
    """
    timed = count // 3
    kills = [Kill(time=LATEST * (n + random.random()) / timed) for n in range(timed)]
    kills += [Kill(exchange=1 + n % EXCHANGES) for n in range(count - timed)]
    random.shuffle(kills)
    return kills


def _checkpoints(random: Random, length: int) -> list[int]:
    places = [0]
    while places[-1] < length:
        places.append(min(length, places[-1] + random.randint(1, LONGEST)))
    return places


def _steps(random: Random, bounds: tuple[int, int, int], kills: list[Kill], used: set[tuple[int, int]]) -> list[Step]:
    """All that begins at one checkpoint; the last delivery moves it to the next one. `used` are cuts not to repeat."""
    checkpoint, following, length = bounds

    def cut(end: int | None = None) -> tuple[int, int]:
        while True:
            start = max(0, checkpoint - random.choice((0, 0, 0, 1, random.randint(1, FURTHEST_BACK))))
            found = (start, end or min(length, checkpoint + random.randint(1, LONGEST)))
            if found not in used:
                used.add(found)
                return found

    last = Delivery(*cut(following))
    others = [Delivery(*cut(), kill) for kill in kills]
    if random.random() < 0.25:
        others.insert(random.randint(0, len(others)), Delivery(*cut()))
    steps: list[Step] = []
    for delivery in (*others, last):
        if steps and len(steps[-1]) == 1 and random.random() < 0.5:
            steps[-1] = (*steps[-1], delivery)  # the lease moved, and the old owner goes on
        else:
            steps.append((delivery,))
    return steps
