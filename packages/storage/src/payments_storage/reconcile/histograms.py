"""aggregate_histograms, computed anew from the payloads: windows, sums and counts by other code than the pipeline's.

Which bucket a value belongs to, and how a histogram is packed, is that of `payments_core.histogram`.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.aggregates import EPOCH, window_start
from payments_core.event import AMOUNT
from payments_core.histogram import bucket_index, pack
from payments_storage.reconcile.findings import Check, Kind
from payments_storage.reconcile.running import Running
from payments_storage.reconcile.snapshot import Snapshot
from payments_storage.reconcile.span import Span
from payments_storage.reconcile.totals import compare_rows, pieces
from payments_storage.sql import load_queries

_SQL: Final = load_queries("reconcile")

_NAMES_END: Final = "\x00"
"""No text of an event has it: PostgreSQL could not hold it."""
_FIELDS: Final = ("count", "sum", "minimum", "maximum", "buckets", "zeros", "negative buckets")
_WAYS: Final = {"count": "sum", "sum": "sum", "minimum": "min", "maximum": "max", "zeros": "sum"}
_PIECE: Final = timedelta(hours=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_ZERO: Final = pa.scalar(Decimal(0), AMOUNT)
_NONE: Final = Decimal(0)


class Histograms:
    """The windows that lie wholly in the span. Held are sums and counts of the shortest: the others consist of them."""

    def __init__(self, lengths: tuple[timedelta, ...], span: Span) -> None:
        self._span = span
        self._lengths = tuple(length for length in lengths if length <= span.end - span.start)
        self._cut = [length for length in lengths if (span.start - EPOCH) % length or (span.end - EPOCH) % length]
        self._numbers: dict[str, int] = {}
        self._sums = Running(["name", "start"], _WAYS)
        self._counts = Running(["name", "start", "cell"], {"count": "sum"})

    def add(self, metrics: pa.Table) -> None:
        """Adds metrics (`payments_core.metrics.METRIC_SCHEMA`)."""
        if not self._lengths:
            return
        values = metrics["metric_value"]
        keys = {"name": self._numbered(metrics), "start": window_start(metrics["occurred_at"], self._lengths[0])}
        ones = pa.repeat(pa.scalar(1, pa.int64()), metrics.num_rows)
        zeros = pc.equal(values, _ZERO).cast(pa.int64())
        same = dict.fromkeys(("sum", "minimum", "maximum"), values)
        self._sums.add(pa.table(keys | {"count": ones} | same | {"zeros": zeros}))
        negative = pc.less(values, _ZERO).cast(pa.int32())
        cells = pc.add(pc.multiply(bucket_index(pc.abs(values)), pa.scalar(2, pa.int32())), negative)
        counted = pa.table(keys | {"cell": cells, "count": ones})
        self._counts.add(counted.filter(pc.is_valid(cells)))

    def _numbered(self, metrics: pa.Table) -> pa.Array:
        """Metric and event type as a number: there are few pairs, and very many cells to keep them for."""
        pairs = pc.binary_join_element_wise(
            metrics["metric_type"], metrics["event_type"], pa.scalar(_NAMES_END, pa.string())
        )
        distinct = pairs.combine_chunks().dictionary_encode()
        numbers = [self._numbers.setdefault(pair, len(self._numbers)) for pair in distinct.dictionary.to_pylist()]
        return pa.array(numbers, pa.int32()).take(distinct.indices)

    def compare(self, snapshot: Snapshot, check: Check) -> None:
        for length in self._cut:
            check.note(f"windows of {length} that reach beyond {self._span} were not compared")
        short = tuple(length for length in self._lengths if not _PIECE % length)
        for piece in pieces(self._span):
            self._compare(snapshot, piece, short, check)
        self._compare(snapshot, self._span, tuple(length for length in self._lengths if length not in short), check)

    def _compare(self, snapshot: Snapshot, span: Span, lengths: tuple[timedelta, ...], check: Check) -> None:
        if not lengths:
            return
        expected = {key: row for length in lengths for key, row in self._rows(span, length)}
        check.saw("rows", len(expected))
        if self._lengths[0] in lengths:
            shortest = (row[0] for key, row in expected.items() if key[3] - key[2] == self._lengths[0])
            check.saw("values", sum(shortest))
        stored = snapshot.each(_SQL["histograms"], start=span.start, end=span.end, lengths=list(lengths))
        compare_rows(expected, stored, _FIELDS, Kind.HISTOGRAM_DIFFERS, check)

    def _rows(self, span: Span, length: timedelta) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """Key and values of the windows of one length that lie in the span."""
        packed: dict[tuple[int, int], tuple[dict[int, int], dict[int, int]]] = defaultdict(lambda: ({}, {}))
        for row in _widened(self._counts, span, length):
            index, negative = divmod(row["cell"], 2)
            packed[row["name"], row["start"]][negative][index] = row["count"]
        names = [tuple(pair.split(_NAMES_END)) for pair in self._numbers]
        for row in _widened(self._sums, span, length):
            start = EPOCH + row["start"] * _MICROSECOND
            both = packed[row["name"], row["start"]]
            positive, negative = (Decimal(pack(counts)) if counts else _NONE for counts in both)
            values = (row["count"], row["sum"], row["minimum"], row["maximum"], positive, row["zeros"], negative)
            yield (*names[row["name"]], start, start + length), values


def _widened(sums: Running, span: Span, length: timedelta) -> list[dict[str, Any]]:
    """The rows of the windows of this length that lie in the span."""
    rows = sums.total()
    if rows is None:
        return []
    starts = window_start(rows["start"], length)
    first, end = (pa.scalar((moment - EPOCH) // _MICROSECOND, pa.int64()) for moment in (span.start, span.end - length))
    inside = pc.and_(pc.greater_equal(starts, first), pc.less_equal(starts, end))
    rows = rows.set_column(rows.schema.get_field_index("start"), "start", starts).filter(inside)
    result: list[dict[str, Any]] = sums.grouped(rows).to_pylist()
    return result
