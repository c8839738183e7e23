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
LATEST_KILL: Final = 1.1


@dataclass(frozen=True)
class Delivery:
    """Messages `start` to `end` (not included) of a partition. `kill_after` is in usual durations of a delivery."""

    start: int
    end: int
    kill_after: float | None = None


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
    moments = [LATEST_KILL * (n + random.random()) / kills for n in range(kills)]  # spread evenly, then shuffled
    random.shuffle(moments)
    return {
        name: [
            step
            for place, following in pairwise(found)
            for step in _steps(
                random, place, following, lengths[name], [moments.pop() for _ in range(killed[name, place])]
            )
        ]
        for name, found in checkpoints.items()
    }


def _checkpoints(random: Random, length: int) -> list[int]:
    places = [0]
    while places[-1] < length:
        places.append(min(length, places[-1] + random.randint(1, LONGEST)))
    return places


def _steps(random: Random, checkpoint: int, following: int, length: int, moments: list[float]) -> list[Step]:
    """All that begins at one checkpoint, no two deliveries cut alike; the last one moves it to the following one."""
    used: set[tuple[int, int]] = set()

    def cut(end: int | None = None) -> tuple[int, int]:
        while True:
            start = max(0, checkpoint - random.choice((0, 0, 0, 1, random.randint(1, FURTHEST_BACK))))
            bounds = (start, end or min(length, checkpoint + random.randint(1, LONGEST)))
            if bounds not in used:
                used.add(bounds)
                return bounds

    last = Delivery(*cut(following))
    others = [Delivery(*cut(), kill_after=moment) for moment in moments]
    if random.random() < 0.25:
        others.insert(random.randint(0, len(others)), Delivery(*cut()))
    steps: list[Step] = []
    for delivery in (*others, last):
        if steps and len(steps[-1]) == 1 and random.random() < 0.5:
            steps[-1] = (*steps[-1], delivery)  # the lease moved, and the old owner goes on
        else:
            steps.append((delivery,))
    return steps
