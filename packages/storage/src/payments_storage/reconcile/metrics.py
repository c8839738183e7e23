"""The archive against dynamic_metrics: each metric that the events give by today's rules, and none besides."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.aggregates import EPOCH, FIVE_MINUTES
from payments_storage.reconcile.compare import Row, Unshared
from payments_storage.reconcile.findings import Check, Kind
from payments_storage.reconcile.payloads import metric_rows
from payments_storage.reconcile.snapshot import METRIC_ROWS, Snapshot
from payments_storage.reconcile.span import Span
from payments_storage.reconcile.two_sides import TwoSides
from payments_storage.sql import load_queries

_SQL: Final = load_queries("reconcile")

_KEY: Final = ["created_at", "transaction_id", "metric_type"]
_SECOND: Final = pa.scalar(1_000_000, pa.int64())


class Metrics:
    """Compared by the second of `created_at`, which is the event's time: what differs is found in few files."""

    def __init__(self, snapshot: Snapshot, span: Span, first_day_kept: date, check: Check) -> None:
        self._snapshot = snapshot
        self._span = span
        self._check = check
        self._sides = TwoSides(METRIC_ROWS, _KEY, _bucket_of)
        kept = snapshot.rows(_SQL["has_partition"], parent="dynamic_metrics", day=span.day) == [(True,)]
        self._compared = kept or span.day >= first_day_kept
        if not self._compared:
            check.note(f"the metrics of {span.day} are past retention (METRICS_RETENTION_DAYS): not compared")

    def expect(self, metrics: pa.Table) -> None:
        """Takes metrics (`payments_core.metrics.METRIC_SCHEMA`) of the archive."""
        if self._compared:
            self._check.saw("metrics of the archive", metrics.num_rows)
            self._sides.expect(metric_rows(metrics))

    def suspect(self) -> Span | None:
        """Reads the other side; returns the span for which the metrics must be shown again."""
        if not self._compared:
            return None
        for rows in self._stored(self._span):
            self._check.saw("stored metrics", rows.num_rows)
            self._sides.find(rows)
        seconds = self._sides.suspect(self._check)
        if not seconds:
            return None
        first, last = (EPOCH + timedelta(seconds=second) for second in (seconds[0], seconds[-1]))
        return Span(first - (first - EPOCH) % FIVE_MINUTES, last - (last - EPOCH) % FIVE_MINUTES + FIVE_MINUTES)

    def expect_again(self, metrics: pa.Table) -> None:
        self._sides.expect_again(metric_rows(metrics))

    def name_differences(self, span: Span) -> None:
        for rows in self._stored(span):
            self._sides.find_again(rows)
        for each in self._sides.unshared():
            self._name(each)

    def _stored(self, span: Span) -> Iterator[pa.Table]:
        return self._snapshot.copied(_SQL["copy_metrics"], METRIC_ROWS, start=span.start, end=span.end)

    def _name(self, each: Unshared) -> None:
        where = (
            f"{each.first['metric_type']} of {each.first['transaction_id']!r} at {each.first['created_at'].isoformat()}"
        )
        for due, there in zip(each.expected, each.found, strict=False):
            self._check.differs(Kind.METRIC_DIFFERS, where, _text(due, there), _text(there, due))
        for due in each.expected[len(each.found) :]:
            self._check.differs(Kind.METRIC_MISSING, where, due["metric_value"])
        for there in each.found[len(each.expected) :]:
            self._check.differs(Kind.METRIC_UNEXPECTED, where, None, there["metric_value"])


def _bucket_of(rows: pa.Table) -> pa.Array:
    return pc.divide(rows["created_at"].cast(pa.int64()), _SECOND).combine_chunks()


def _text(row: Row, other: Row) -> str:
    """What sets the row apart from the other."""
    return ", ".join(f"{name} {_value(row[name])}" for name in row if row[name] != other[name])


def _value(value: object) -> str:
    return "none that an event can have" if value is None else str(value)
