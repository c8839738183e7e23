"""The aggregates of a span, computed anew from the archive and compared with the tables row by row, to the last digit.

Payments are added up here from the archive's columns, by other code than the pipeline's; histograms by the pipeline's
own arithmetic, from the payloads.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.aggregates import EPOCH, HistogramRow, aggregate_histograms
from payments_storage.reconcile.findings import Check, Kind
from payments_storage.reconcile.snapshot import Snapshot
from payments_storage.reconcile.span import Span
from payments_storage.sql import load_queries

_SQL: Final = load_queries("reconcile")

_KEYS: Final = ["window_start", "payment_method", "currency", "payment_status"]
_PARTS: Final = 16
# A packed histogram has 12 digits for each bucket, of which decimal128(38, 9) can reach about a thousand.
_EXACT: Final = Context(prec=20_000)
_KEY_WIDTH: Final = 4
_PAYMENT_FIELDS: Final = ("count", "sum", "minimum", "maximum")
_HISTOGRAM_FIELDS: Final = ("count", "sum", "minimum", "maximum", "buckets", "zeros", "negative buckets")


class Payments:
    """payment_metrics_5m. Its size is that of the table's rows in the span."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []

    def add(self, events: pa.Table) -> None:
        """Adds archived events."""
        amounts = events["amount"]
        rows = events.select(_KEYS[1:]).append_column(
            "window_start", pc.floor_temporal(events["occurred_at"], 5, "minute")
        )
        rows = rows.append_column("count", pa.repeat(pa.scalar(1, pa.int64()), events.num_rows))
        for name in _PAYMENT_FIELDS[1:]:
            rows = rows.append_column(name, amounts)
        self._parts.append(_added_up(rows))
        if len(self._parts) >= _PARTS:
            self._parts = [_added_up(pa.concat_tables(self._parts))]

    def compare(self, snapshot: Snapshot, span: Span, check: Check) -> None:
        expected: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        if self._parts:
            for row in _added_up(pa.concat_tables(self._parts)).to_pylist():
                key = tuple(row[name] for name in _KEYS)
                expected[key] = tuple(row[name] for name in _PAYMENT_FIELDS)
        check.saw("rows", len(expected))
        check.saw("payments", sum(values[0] for values in expected.values()))
        rows = snapshot.each(_SQL["payments"], start=span.start, end=span.end)
        _compare(expected, rows, _PAYMENT_FIELDS, Kind.PAYMENTS_DIFFER, check)


def _added_up(rows: pa.Table) -> pa.Table:
    ways = [("count", "sum"), ("sum", "sum"), ("minimum", "min"), ("maximum", "max")]
    grouped = rows.group_by(_KEYS, use_threads=False).aggregate(ways)
    names = [*_KEYS, *(f"{name}_{way}" for name, way in ways)]
    return grouped.select(names).rename_columns([*_KEYS, *_PAYMENT_FIELDS])


class Histograms:
    """aggregate_histograms: the windows that lie wholly in the span. Its size is that of the table's rows there."""

    def __init__(self, lengths: tuple[timedelta, ...], span: Span) -> None:
        self._span = span
        self._lengths = tuple(length for length in lengths if length <= span.end - span.start)
        self._cut = [length for length in lengths if (span.start - EPOCH) % length or (span.end - EPOCH) % length]
        self._rows: dict[tuple[Any, ...], list[Any]] = {}

    def add(self, metrics: pa.Table) -> None:
        """Adds metrics (`payments_core.metrics.METRIC_SCHEMA`)."""
        if not self._lengths:
            return
        for row in aggregate_histograms(metrics, self._lengths):
            if self._span.start <= row.time_window_start and row.time_window_end <= self._span.end:
                self._add(row)

    def _add(self, row: HistogramRow) -> None:
        key = tuple(row[:_KEY_WIDTH])
        count, total, low, high, positive, zeros, below_zero = row[_KEY_WIDTH:]
        buckets, negative = Decimal(str(positive)), Decimal(str(below_zero))
        known = self._rows.get(key)
        if known is None:
            self._rows[key] = [count, total, low, high, buckets, zeros, negative]
            return
        known[0] += count
        known[1] = _EXACT.add(known[1], total)
        known[2] = min(known[2], low)
        known[3] = max(known[3], high)
        known[4] = _EXACT.add(known[4], buckets)
        known[5] += zeros
        known[6] = _EXACT.add(known[6], negative)

    def compare(self, snapshot: Snapshot, check: Check) -> None:
        for length in self._cut:
            check.note(f"windows of {length} that reach beyond {self._span} were not compared")
        check.saw("rows", len(self._rows))
        for length in self._lengths[:1]:
            check.saw("values", sum(row[0] for key, row in self._rows.items() if key[3] - key[2] == length))
        expected = {key: tuple(row) for key, row in self._rows.items()}
        self._rows = {}
        stored = snapshot.each(_SQL["histograms"], start=self._span.start, end=self._span.end)
        wanted = (row for row in stored if row[3] - row[2] in self._lengths)
        _compare(expected, wanted, _HISTOGRAM_FIELDS, Kind.HISTOGRAM_DIFFERS, check)


def _compare(
    expected: dict[tuple[Any, ...], tuple[Any, ...]],
    stored: Iterable[tuple[Any, ...]],
    fields: tuple[str, ...],
    kind: Kind,
    check: Check,
) -> None:
    """Takes the rows out of `expected` as they come: what is left is missing."""
    for row in stored:
        key, values = row[:_KEY_WIDTH], row[_KEY_WIDTH:]
        due = expected.pop(key, None)
        if due is None:
            check.differs(kind, _where(key), None, f"count {values[0]}")
        elif due != values:
            wrong = [place for place, (left, right) in enumerate(zip(due, values, strict=True)) if left != right]
            texts = (", ".join(_text(fields[place], side[place]) for place in wrong) for side in (due, values))
            check.differs(kind, _where(key), *texts)
    for key, due in expected.items():
        check.differs(kind, _where(key), f"count {due[0]}", None)


def _where(key: tuple[Any, ...]) -> str:
    return " ".join(f"{part:%Y-%m-%dT%H:%M:%SZ}" if isinstance(part, datetime) else str(part) for part in key)


def _text(name: str, value: Any) -> str:
    """A packed histogram is a wall of digits: it is enough to say that it differs."""
    if name.endswith("buckets"):
        return name
    return f"{name} {value.normalize():f}" if isinstance(value, Decimal) else f"{name} {value}"
