"""Bodies for the load: a pool made by `payments produce`, given out again and again under new ids.

A pool of 20,000 events serves any number, so that making them costs a microsecond each and not fifty.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, islice
from pathlib import Path
from typing import Final

from payments.host.delivery import Batch
from payments.produce.stream import Counts, Recipe, lines

HUB: Final = "payments"
POOL: Final = 20_000
_RATE: Final = 10_000  # events a second of the pool's own clock
_EVENT_ID: Final = b'"event_id":"'
_EVENT_TYPE: Final = b'"event_type":"'
_TAIL: Final = 24  # of a UUID: where its last group begins; its random head keeps the index honest
_PASSES: Final = 512


@dataclass(frozen=True, slots=True)
class Mix:
    """What the events are like; the shares are of `payments produce`. `event_types`: 0 leaves them as they are."""

    late: float = 0.0
    duplicates: float = 0.0
    event_types: int = 0


def write_pool(path: Path, mix: Mix, events: int = POOL) -> None:
    """Events that happen in the last seconds, as many a second as the requirement asks for."""
    now = datetime.now(UTC).replace(microsecond=0)
    recipe = Recipe(events, 1, now, timedelta(seconds=events / _RATE), mix.late, mix.duplicates)
    path.write_bytes(b"".join(lines(recipe, Counts())))


def read_pool(path: Path, mix: Mix) -> list[bytes]:
    bodies = path.read_bytes().splitlines()
    if mix.event_types:
        bodies = [_typed(body, number % mix.event_types) for number, body in enumerate(bodies)]
    return bodies


def _typed(body: bytes, number: int) -> bytes:
    place = body.find(_EVENT_TYPE)
    if place < 0:
        return body
    start = place + len(_EVENT_TYPE)
    return body[:start] + b"kind%d." % number + body[start:]


def bodies(pool: list[bytes], worker: int) -> Iterator[bytes]:
    """Endless; no two workers and no two passes have an id in common."""
    for number in count():
        tag = worker * _PASSES + number % _PASSES
        for body in pool:
            yield _under_new_ids(body, tag)


def _under_new_ids(body: bytes, tag: int) -> bytes:
    """Of the same length: its ids have `tag` in three or four of their characters."""
    body = body.replace(b"txn_", b"t%03x" % tag).replace(b'"id":"evt-', b'"id":"e%03x' % tag)
    place = body.find(_EVENT_ID)
    if place < 0:
        return body
    tail = place + len(_EVENT_ID) + _TAIL
    return b"%b%04x%b" % (body[:tail], tag, body[tail + 4 :])


def batches(pool: list[bytes], worker: int, size: int, partitions: int = 4) -> Iterator[Batch]:
    """The worker's own partitions in turn; their events were enqueued a moment ago."""
    source = bodies(pool, worker)
    sequences = [0] * partitions
    for partition in cycle(range(partitions)):
        taken = list(islice(source, size))
        first = sequences[partition]
        sequences[partition] += size
        name = worker * partitions + partition
        yield Batch(HUB, name, first, first * 600, datetime.now(UTC), taken)
