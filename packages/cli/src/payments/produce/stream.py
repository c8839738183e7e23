"""A stream of NDJSON lines with its faults: late events, repeats, conflicting repeats, malformed lines.

The same `Recipe` always gives the same bytes, and memory does not grow with the number of events.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

import msgspec

from payments.produce.malformed import CATALOGUE
from payments.produce.traffic import Traffic

CONFLICTING: Final = 0.05
"""The share of duplicates that bring another payload under an event id already used."""
_REMEMBERED: Final = 4096  # lines that a duplicate may repeat
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode_exactly = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to produce. Events happen over `span`, up to `end`; late, duplicates and malformed are shares, 0 to 1."""

    events: int
    seed: int
    end: datetime
    span: timedelta
    late: float = 0.0
    duplicates: float = 0.0
    malformed: float = 0.0


@dataclass(slots=True)
class Counts:
    """How many lines of each sort were given out."""

    events: int = 0
    bytes: int = 0
    late: int = 0
    duplicates: int = 0
    conflicting: int = 0
    malformed: int = 0


def lines(recipe: Recipe, counts: Counts) -> Iterator[bytes]:
    """The lines, each with its line feed; `counts` keeps up with them."""
    # All of the recipe is the seed: another end gives other ids too, so that two files never hold
    # the same event id for two different events by accident.
    random = Random(repr(recipe))  # noqa: S311 - invented data, and it must repeat
    traffic = Traffic(random, recipe.events)
    encode = msgspec.json.Encoder().encode
    kinds = list(CATALOGUE.values())
    remembered: list[bytes] = []
    end_ms = (recipe.end - _EPOCH) // _MS
    span_ms = recipe.span // _MS
    malformed = recipe.malformed
    malformed_or_duplicate = malformed + recipe.duplicates
    for number in range(recipe.events):
        chance = random.random()
        if malformed <= chance < malformed_or_duplicate and remembered:
            line = remembered[int(random.random() * len(remembered))]
            counts.duplicates += 1
            if random.random() < CONFLICTING:
                line, conflicting = _other_payload(line)
                counts.conflicting += conflicting
        else:
            late = random.random() < recipe.late
            event = traffic.event(end_ms - span_ms + span_ms * number // recipe.events, late=late)
            if chance < malformed:
                line = kinds[counts.malformed % len(kinds)](event) + b"\n"
                counts.malformed += 1
            else:
                line = encode(event) + b"\n"
                counts.late += late
                if len(remembered) < _REMEMBERED:
                    remembered.append(line)
                else:
                    remembered[number % _REMEMBERED] = line
        counts.events += 1
        counts.bytes += len(line)
        yield line


def _other_payload(line: bytes) -> tuple[bytes, bool]:
    """The event again with another amount, if it carries an id of its own; else unchanged: only an id can conflict."""
    body: dict[str, Any] = _decode(line)
    event = body.get("data", body)
    if event is body and "event_id" not in body:
        return line, False
    event["amount"] = str(Decimal(event["amount"]) + 1)
    return _encode_exactly(body) + b"\n", True
