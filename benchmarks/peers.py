"""Other ways to write the same rows, put in the place of the pipeline's own: claim and transaction stay as they are."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
from psycopg import Cursor
from psycopg.types.json import Jsonb

from payments_core.aggregates import HistogramRow, PaymentRow
from payments_storage import tables

_INSERT: Final = """
INSERT INTO dynamic_metrics (transaction_id, correlation_id, metric_type, metric_value, metric_data, created_at)
VALUES (%s, %s, %s, %s, %s, %s)
"""
_UNNEST: Final = """
INSERT INTO dynamic_metrics (transaction_id, correlation_id, metric_type, metric_value, metric_data, created_at)
SELECT * FROM unnest(
    %b::text[], %b::uuid[], %b::text[], %b::numeric[], %b::jsonb[], %b::timestamptz[]
)
"""
_update_payments = tables.update_payment_metrics_5m
_update_histograms = tables.update_aggregate_histograms


def row_by_row(cursor: Cursor[Any], metrics: pa.Table) -> None:
    """As tutorials show it: one statement a row."""
    for row in _rows(metrics):
        cursor.execute(_INSERT, row)


def executemany(cursor: Cursor[Any], metrics: pa.Table) -> None:
    """As psycopg 3 sends these: in pipeline mode, without waiting for each answer."""
    cursor.executemany(_INSERT, _rows(metrics))


def unnest(cursor: Cursor[Any], metrics: pa.Table) -> None:
    """One statement with an array for each column."""
    columns = [list(column) for column in zip(*_rows(metrics), strict=True)]
    cursor.execute(_UNNEST, columns)


PEERS: Final[dict[str, Callable[[Cursor[Any], pa.Table], None]]] = {
    "row by row": row_by_row,
    "executemany": executemany,
    "unnest": unnest,
}


def install(name: str) -> None:
    """In this process, from now on. `row by row` adds to the aggregates row by row as well."""
    others: dict[str, Any] = {"store_dynamic_metrics": PEERS[name]}
    if name == "row by row":
        others["update_payment_metrics_5m"] = _payments_one_by_one
        others["update_aggregate_histograms"] = _histograms_one_by_one
    for each, function in others.items():
        setattr(tables, each, function)


def _payments_one_by_one(cursor: Cursor[Any], rows: list[PaymentRow]) -> None:
    for row in rows:
        _update_payments(cursor, [row])


def _histograms_one_by_one(cursor: Cursor[Any], rows: list[HistogramRow]) -> None:
    for row in rows:
        _update_histograms(cursor, [row])


def _rows(metrics: pa.Table) -> list[tuple[Any, ...]]:
    names = ("transaction_id", "correlation_id", "metric_type", "metric_value", "unit", "occurred_at")
    columns = [metrics[name].to_pylist() for name in names]
    columns[1] = [None if value is None else UUID(bytes=value) for value in columns[1]]
    columns[4] = [Jsonb({"unit": unit}) for unit in columns[4]]
    return list(zip(*columns, strict=True))
