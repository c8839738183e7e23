"""The tables beside the real ones in which a rebuild counts events; the SQL stands in queries/rebuild.sql."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Cursor

from payments_core.aggregates import aggregate_histograms, aggregate_payments
from payments_core.metrics import extract_metrics
from payments_storage import tables
from payments_storage.pipeline import Pipeline
from payments_storage.rebuild.task import HISTOGRAMS, METRICS, PAYMENTS, RebuildTask
from payments_storage.reconcile.findings import Check
from payments_storage.reconcile.payloads import parse_archived
from payments_storage.sql import load_queries

_SQL: Final = load_queries("rebuild")


class Staging:
    """Counts each event it is given once, by the metric rules and windows of today."""

    def __init__(self, pipeline: Pipeline, task: RebuildTask) -> None:
        self._pipeline = pipeline
        self._task = task
        self._silent = Check("", 0)
        self.days: list[date] = []
        """Of which there is a partition of dynamic_metrics to replace."""

    @property
    def invalid(self) -> int:
        """Archived events whose payload says something else than their columns, or that the parser refuses today."""
        count: int = self._silent.count
        return count

    def make_partitions(self, cursor: Cursor[Any]) -> None:
        if METRICS in self._task.tables:
            for part in self._task.span.parts():
                ((name,),) = cursor.execute(_SQL["make_partition"], {"day": part.day}).fetchall()
                if name is not None:
                    self.days.append(part.day)

    def count_archived(self, cursor: Cursor[Any], archived: pa.Table) -> int:
        """Returns how many events; `archived` has the columns of EVENT_SCHEMA and is of one day."""
        return self.count(cursor, parse_archived(self._pipeline.parser, archived, self._silent))

    def count(self, cursor: Cursor[Any], events: pa.Table) -> int:
        if not events.num_rows:
            return 0
        if PAYMENTS in self._task.tables:
            tables.update_payment_metrics_5m(cursor, aggregate_payments(events), rebuilt=True)
        if HISTOGRAMS in self._task.tables or self.days:
            measured = extract_metrics(events, self._pipeline.rules)
            if HISTOGRAMS in self._task.tables:
                rows = aggregate_histograms(measured, self._pipeline.windows)
                tables.update_aggregate_histograms(cursor, rows, rebuilt=True)
            for day, of_day in _by_day(measured):
                if day in self.days:
                    tables.store_dynamic_metrics(cursor, of_day, rebuilt=day)
        count: int = events.num_rows
        return count


def _by_day(measured: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    days = measured["occurred_at"].cast(pa.date32())
    for day in pc.unique(days):
        yield day.as_py(), measured.filter(pc.equal(days, day))
