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

_NAMES: Final = ["metric_type", "event_type"]
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
        self._sums = Running([*_NAMES, "start"], _WAYS)
        self._counts = Running([*_NAMES, "start", "negative", "index"], {"count": "sum"})

    def add(self, metrics: pa.Table) -> None:
        """Adds metrics (`payments_core.metrics.METRIC_SCHEMA`)."""
        if not self._lengths:
            return
        values = metrics["metric_value"]
        keys = {name: metrics[name] for name in _NAMES} | {
            "start": window_start(metrics["occurred_at"], self._lengths[0])
        }
        ones = pa.repeat(pa.scalar(1, pa.int64()), metrics.num_rows)
        zeros = pc.equal(values, _ZERO).cast(pa.int64())
        same = dict.fromkeys(("sum", "minimum", "maximum"), values)
        self._sums.add(pa.table(keys | {"count": ones} | same | {"zeros": zeros}))
        signed = {"negative": pc.less(values, _ZERO), "index": bucket_index(pc.abs(values))}
        counted = pa.table(keys | signed | {"count": ones})
        self._counts.add(counted.filter(pc.is_valid(counted["index"])))

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
        packed: dict[tuple[Any, ...], dict[bool, dict[int, int]]] = defaultdict(lambda: {False: {}, True: {}})
        for row in _widened(self._counts, span, length):
            packed[row["metric_type"], row["event_type"], row["start"]][row["negative"]][row["index"]] = row["count"]
        for row in _widened(self._sums, span, length):
            key = row["metric_type"], row["event_type"], row["start"]
            start = EPOCH + row["start"] * _MICROSECOND
            positive, negative = (Decimal(pack(counts)) if counts else _NONE for counts in packed[key].values())
            values = (row["count"], row["sum"], row["minimum"], row["maximum"], positive, row["zeros"], negative)
            yield (*key[:2], start, start + length), values


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
