"""Mergeable histograms: OpenTelemetry's exponential buckets at scale 3, packed into one number.

Bucket i counts the values in (2^(i/8), 2^((i+1)/8)]; the middle of a bucket is at most 4.4 % from any
value in it. The packed form is the sum of count * 10^(12 i), so that adding two numbers merges two
histograms, in Python and in SQL alike (docs/adr/0005-histogram-in-one-number.md).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

BUCKETS_PER_DOUBLING: Final = 8
DIGITS: Final = 12
LANE: Final = 48
"""Bits of a bucket in `Buckets.lanes`. PostgreSQL keeps its twelve digits as three numbers of 16 bits."""

_PER_DOUBLING: Final = pa.scalar(BUCKETS_PER_DOUBLING, pa.float64())
_ONE: Final = pa.scalar(1, pa.float64())
_NONE: Final = pa.scalar(None, pa.float64())


def bucket_index(magnitudes: pa.Array) -> pa.Array:
    """The bucket (int32) of each value of a decimal column, by magnitude; null for zero."""
    logarithm = pc.log2(magnitudes.cast(pa.float64()))
    index = pc.subtract(pc.ceil(pc.multiply(logarithm, _PER_DOUBLING)), _ONE)
    return pc.if_else(pc.is_finite(index), index, _NONE).cast(pa.int32())


class Buckets(NamedTuple):
    """A histogram as one whole number, 48 bits a bucket: the sum of count * 2^(48 (i - lowest)).

    Adding two numbers of the same `lowest` merges two histograms, a hundred buckets in a tenth of a microsecond.
    """

    lowest: int
    lanes: int

    def counts(self) -> dict[int, int]:
        """Count by bucket, without the empty ones."""
        size = -(-self.lanes.bit_length() // LANE)
        data = self.lanes.to_bytes(size * LANE // 8, "little")
        counts = [int.from_bytes(data[place : place + LANE // 8], "little") for place in range(0, len(data), LANE // 8)]
        return {index: count for index, count in enumerate(counts, self.lowest) if count}

    def __str__(self) -> str:
        """The packed number, as `pack` writes it."""
        return pack(self.counts())


def pack(counts: Mapping[int, int]) -> str:
    """Bucket counts as the text of one decimal number."""
    if not counts:
        return "0"
    lowest, highest = min(counts), max(counts)
    groups = ["0" * DIGITS] * (highest - lowest + 1)
    for index, count in counts.items():
        groups[highest - index] = f"{count:0{DIGITS}d}"
    return f"{''.join(groups)}e{DIGITS * lowest}"
