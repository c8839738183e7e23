"""The figures of docs/card-data.md: how often the guard takes a value for card data, and what an event costs it.

make guard-rates            100,000 values of each shape (about a minute)
python packages/core/tests/guard_rates.py --values 20000
"""

import argparse
import sys
from pathlib import Path
from random import Random
from time import process_time
from typing import Final

from payments_core.guard import redact

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[3]))

from packages.core.tests.cards import NUMBERS, WRITINGS
from packages.core.tests.examples import body
from packages.core.tests.identifiers import BARE_DECIMALS, FLOATS, IDENTIFIERS, TIMES, Draw

_CHUNK: Final = 10_000
_SHAPES: Final = {
    "transaction_id": b'{"transaction_id":"%s","amount":"12.50","currency":"EUR"}',
    "note": b'{"note":"%s","amount":"12.50","currency":"EUR"}',
}


def finds(draw: Draw, frame: bytes, values: int) -> int:
    """Of so many drawn values, those in which the guard finds something."""
    random = Random(7)  # noqa: S311 - the same in every run
    found = 0
    for start in range(0, values, _CHUNK):
        bodies = [frame % draw(random).encode() for _ in range(min(_CHUNK, values - start))]
        found += len(redact(bodies)[1])
    return found


def recall() -> tuple[int, int]:
    """Test numbers of the schemes in every way of writing them: how many are found, and of how many."""
    written = [write(number) for number in NUMBERS.values() for write in WRITINGS.values()]
    return len(redact([body(note=text) for text in written])[1]), len(written)


def microseconds(batch: int) -> float:
    """CPU an ordinary event of about 500 bytes, in batches of this size; the best of 20."""
    random = Random(7)  # noqa: S311 - the same in every run
    uuid, pay = IDENTIFIERS["UUID"], IDENTIFIERS["txn_ and 16 digits"]
    bodies = [
        body(
            event_id=uuid(random),
            transaction_id=pay(random),
            correlation_id=uuid(random),
            merchant_id=f"merchant-{random.randrange(1000)}",
            customer_id=f"cus_{random.getrandbits(64):016x}",
            fee_amount="0.37",
            processing_time_ms=random.randrange(1000),
            risk_score=round(random.random(), 4),
            metadata={"channel": "web", "country": "NL", "note": "an ordinary event of ordinary size", "attempt": 1},
        )
        for _ in range(batch)
    ]
    best = min(_seconds(bodies) for _ in range(20))
    print(f"{sum(map(len, bodies)) / batch:.0f} bytes an event")  # noqa: T201 - a command
    return best / batch * 1e6


def _seconds(bodies: list[bytes]) -> float:
    begun = process_time()
    redact(bodies)
    return process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=int, default=100_000, help="of each shape (100000)")
    values: int = parser.parse_args().values
    for batch in (100, 1_000, 10_000):
        print(f"batches of {batch}: {microseconds(batch):.2f} us an event", flush=True)  # noqa: T201
    print("recall: {} of {}".format(*recall()), flush=True)  # noqa: T201
    for name, draw in {**IDENTIFIERS, **TIMES, **FLOATS, **BARE_DECIMALS}.items():
        counts = [finds(draw, frame, values) for frame in _SHAPES.values()]
        print(f"{name:26} {counts[0]:9} {counts[1]:9} of {values}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
