"""payment_metrics_5m, computed anew: added up from the archive's columns, by other code than the pipeline's."""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.event import TIMESTAMP
from payments_storage.reconcile.findings import Check, Kind
from payments_storage.reconcile.running import Hourly
from payments_storage.reconcile.snapshot import Snapshot
from payments_storage.reconcile.span import Span
from payments_storage.reconcile.totals import compare_rows, pieces
from payments_storage.sql import load_queries

_SQL: Final = load_queries("reconcile")

_KEYS: Final = ["window_start", "payment_method", "currency", "payment_status"]
_WAYS: Final = {"count": "sum", "sum": "sum", "minimum": "min", "maximum": "max"}


class Payments:
    """Its size is that of the table's rows in the span."""

    def __init__(self) -> None:
        self._sums = Hourly(_KEYS, _WAYS)

    def add(self, events: pa.Table) -> None:
        """Adds archived events."""
        amounts = events["amount"]
        times = events["occurred_at"]
        columns = {
            "window_start": pc.floor_temporal(times, 5, "minute"),
            **{name: events[name] for name in _KEYS[1:]},
            "count": pa.repeat(pa.scalar(1, pa.int64()), events.num_rows),
            **dict.fromkeys(("sum", "minimum", "maximum"), amounts),
        }
        self._sums.add(times, pa.table(columns))

    def compare(self, snapshot: Snapshot, span: Span, check: Check) -> None:
        for piece in pieces(span):
            expected = {key: row for _, rows in self._sums.totals(piece) for key, row in _rows_of(rows, piece)}
            check.saw("rows", len(expected))
            check.saw("payments", sum(values[0] for values in expected.values()))
            stored = snapshot.each(_SQL["payments"], start=piece.start, end=piece.end)
            compare_rows(expected, stored, tuple(_WAYS), Kind.PAYMENTS_DIFFER, check)


def _rows_of(total: pa.Table, piece: Span) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    start, end = (pa.scalar(moment, TIMESTAMP) for moment in (piece.start, piece.end))
    times = total["window_start"]
    rows = total.filter(pc.and_(pc.greater_equal(times, start), pc.less(times, end)))
    for row in rows.to_pylist():
        yield tuple(row[name] for name in _KEYS), tuple(row[name] for name in _WAYS)
