"""aggregate_histograms, computed anew from the payloads: windows, sums and counts by other code than the pipeline's.

Which bucket a value belongs to, and how a histogram is packed, is that of `payments_core.histogram`.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.aggregates import EPOCH, window_start
from payments_core.event import AMOUNT
from payments_core.histogram import Buckets, bucket_index
from payments_storage.reconcile.cells import Cells
from payments_storage.reconcile.findings import Check, Kind
from payments_storage.reconcile.running import Running
from payments_storage.reconcile.snapshot import Snapshot
from payments_storage.reconcile.span import Span
from payments_storage.reconcile.totals import compare_rows, pieces, windows
from payments_storage.sql import load_queries

_SQL: Final = load_queries("reconcile")

_NAMES_END: Final = "\x00"
"""No text of an event has it: PostgreSQL could not hold it."""
_FIELDS: Final = ("count", "sum", "minimum", "maximum", "buckets", "zeros", "negative buckets")
_WAYS: Final = {"count": "sum", "sum": "sum", "minimum": "min", "maximum": "max", "zeros": "sum"}
_PIECE: Final = timedelta(hours=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_ZERO: Final = pa.scalar(Decimal(0), AMOUNT)
_NONE: Final = (0, 0)


class Histograms:
    """The windows that lie wholly in the span. Held are sums and counts of the shortest: the others consist of them."""

    def __init__(self, lengths: tuple[timedelta, ...], span: Span) -> None:
        self._span = span
        self._lengths = tuple(length for length in lengths if length <= span.end - span.start)
        self._all_lengths = list(lengths)
        self._cut = [length for length in lengths if (span.start - EPOCH) % length or (span.end - EPOCH) % length]
        self._numbers: dict[str, int] = {}
        self._sums = Running(["name", "start"], _WAYS)
        self._cells = Cells(lengths[0])

    def add(self, metrics: pa.Table) -> None:
        """Adds metrics (`payments_core.metrics.METRIC_SCHEMA`)."""
        if not self._lengths:
            return
        values = metrics["metric_value"]
        names, starts = self._numbered(metrics), window_start(metrics["occurred_at"], self._lengths[0])
        ones = pa.repeat(pa.scalar(1, pa.int64()), metrics.num_rows)
        zeros = pc.equal(values, _ZERO).cast(pa.int64())
        same = dict.fromkeys(("sum", "minimum", "maximum"), values)
        self._sums.add(pa.table({"name": names, "start": starts, "count": ones, **same, "zeros": zeros}))
        self._cells.add(names, starts, pc.less(values, _ZERO), bucket_index(pc.abs(values)))

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
        others = _stored(snapshot, self._span, self._all_lengths, of_these=False)
        compare_rows({}, others, _FIELDS, Kind.HISTOGRAM_DIFFERS, check)

    def _compare(self, snapshot: Snapshot, span: Span, lengths: tuple[timedelta, ...], check: Check) -> None:
        if not lengths:
            return
        expected = {key: row for length in lengths for key, row in self._rows(span, length)}
        check.saw("rows", len(expected))
        if self._lengths[0] in lengths:
            shortest = (row[0] for key, row in expected.items() if key[3] - key[2] == self._lengths[0])
            check.saw("values", sum(shortest))
        stored = _stored(snapshot, span, list(lengths), of_these=True)
        compare_rows(expected, stored, _FIELDS, Kind.HISTOGRAM_DIFFERS, check)

    def _rows(self, span: Span, length: timedelta) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """Key and values of the windows of one length that lie in the span."""
        sums = self._sums.total()
        if sums is None:
            return
        cells = self._cells.within(span, length)
        names = [tuple(pair.split(_NAMES_END)) for pair in self._numbers]
        for row in self._sums.grouped(windows(sums, span, length)).to_pylist():
            start = EPOCH + row["start"] * _MICROSECOND
            both = (cells.get((row["name"], row["start"], sign), _NONE) for sign in (False, True))
            positive, negative = (Decimal(str(Buckets(*lanes))) for lanes in both)
            values = (row["count"], row["sum"], row["minimum"], row["maximum"], positive, row["zeros"], negative)
            yield (*names[row["name"]], start, start + length), values


def _stored(snapshot: Snapshot, span: Span, lengths: list[timedelta], *, of_these: bool) -> Iterator[tuple[Any, ...]]:
    """The rows within the span whose windows have these lengths, or all others, which nothing in the archive gives."""
    return snapshot.each(_SQL["histograms"], start=span.start, end=span.end, lengths=lengths, of_these=of_these)
