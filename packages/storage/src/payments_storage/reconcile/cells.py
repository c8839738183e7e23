"""Which bucket of which window has how many values: a whole number for each window, as `Buckets` has it.

Its size is that of the histograms, while rows of window, bucket and count would grow with every bucket that is met.
"""

from collections import defaultdict
from datetime import timedelta
from functools import cached_property
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.aggregates import EPOCH
from payments_core.histogram import LANE
from payments_storage.reconcile.span import Span

WindowKey = tuple[int, int, bool]
"""Name (a number), start in microseconds since the epoch, and whether it is the histogram of values below zero."""
Lanes = tuple[int, int]
"""`lowest` and `lanes` of `Buckets`."""

_HOUR: Final = 3_600_000_000
_MICROSECOND: Final = timedelta(microseconds=1)
_NUMBER_BITS: Final = 32
_TWO: Final = pa.scalar(2, pa.int64())


class Cells:
    """Histograms of windows of a length; when all is added, of its multiples too."""

    def __init__(self, length: timedelta) -> None:
        self._size = length // _MICROSECOND
        self._windows: dict[int, Lanes] = {}

    def add(self, names: pa.Array, starts: pa.Array, negative: pa.Array, buckets: pa.Array) -> None:
        """Adds values by name, window and sign; those that have no bucket are left out."""
        signed = pc.add(pc.multiply(names.cast(pa.int64()), _TWO), negative.cast(pa.int64()))
        numbers = pc.divide(starts, pa.scalar(self._size, pa.int64()))
        keys = pc.bit_wise_or(pc.shift_left(signed, pa.scalar(_NUMBER_BITS, pa.int64())), numbers)
        values = pa.table({"key": keys, "bucket": buckets}).filter(pc.is_valid(buckets))
        counted = values.group_by(["key", "bucket"], use_threads=False).aggregate([([], "count_all")])
        windows = self._windows
        for key, bucket, count in zip(*(column.to_pylist() for column in counted.columns), strict=True):
            windows[key] = _sum(windows.get(key), bucket, count)

    def within(self, span: Span, length: timedelta) -> dict[WindowKey, Lanes]:
        """The histograms of the windows of a length that lie in the span."""
        size = length // _MICROSECOND
        first, end = ((moment - EPOCH) // _MICROSECOND for moment in (span.start, span.end))
        found: dict[WindowKey, Lanes] = {}
        for hour in range(first - first % _HOUR, end, _HOUR):
            for (name, start, negative), (lowest, lanes) in self._hours.get(hour, ()):
                window = start - start % size
                if first <= window <= end - size:
                    key = (name, window, negative)
                    found[key] = _sum(found.get(key), lowest, lanes)
        return found

    @cached_property
    def _hours(self) -> dict[int, list[tuple[WindowKey, Lanes]]]:
        """What was added, by hour: each is asked for several times."""
        hours = defaultdict(list)
        for key, lanes in self._windows.items():
            signed, number = divmod(key, 1 << _NUMBER_BITS)
            start = number * self._size
            hours[start - start % _HOUR].append(((signed // 2, start, bool(signed % 2)), lanes))
        return hours


def _sum(there: Lanes | None, lowest: int, lanes: int) -> Lanes:
    if there is None:
        return lowest, lanes
    if lowest < there[0]:
        return lowest, lanes + (there[1] << LANE * (there[0] - lowest))
    return there[0], there[1] + (lanes << LANE * (lowest - there[0]))
