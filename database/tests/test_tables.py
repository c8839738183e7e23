"""What the tables refuse and compute by themselves."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.errors import CheckViolation

from payments_core.errors import Stage

if TYPE_CHECKING:
    from conftest import Database

PAYMENT = {
    "window_start": "2024-01-01 00:05Z", "payment_method": "card", "currency": "EUR", "payment_status": "captured",
    "total_count": 3, "total_amount": 10, "min_amount": "-0.01", "max_amount": 6,
}  # fmt: skip
HISTOGRAM = {
    "metric_type": "amount", "event_type": "payment.captured", "time_window_start": "2024-01-01 00:05Z",
    "time_window_end": "2024-01-01 00:10Z", "event_count": 1, "sum_value": 0, "min_value": 0, "max_value": 0,
    "buckets": 0, "zero_count": 1, "negative_buckets": 0,
}  # fmt: skip
FAILED = {
    "stage": "decode", "error_code": "not_json", "message": "not JSON", "payload": b"", "event_hub": "hub",
    "partition_id": "0", "sequence_number": 1, "enqueued_at": "2024-01-01 00:00Z",
}  # fmt: skip
FILE = {
    "path": "raw_events/x.parquet", "rows": 1, "bytes": 1, "min_occurred_at": "2024-01-01 00:00Z",
    "max_occurred_at": "2024-01-01 23:59:59.999999Z", "event_hub": "hub", "partition_id": "0",
    "first_sequence_number": 7, "last_sequence_number": 7,
}  # fmt: skip
VALID = {
    "payment_metrics_5m": PAYMENT, "aggregate_histograms": HISTOGRAM, "failed_items": FAILED, "raw_event_files": FILE,
}  # fmt: skip


def insert(database: Database, table: str, **changed: object) -> tuple[Any, ...] | None:
    row = VALID[table] | changed
    names, places = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    with psycopg.connect(database.dsn) as connection:
        statement = f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING *"  # noqa: S608 - our own names
        return connection.execute(statement.encode(), row).fetchone()


@pytest.mark.parametrize("table", VALID)
def test_the_examples_are_valid(database: Database, table: str) -> None:
    assert insert(database, table) is not None


@pytest.mark.parametrize(
    ("table", "changed"),
    [
        ("payment_metrics_5m", {"window_start": "2024-01-01 00:06Z"}),
        ("payment_metrics_5m", {"total_count": -1}),
        ("payment_metrics_5m", {"min_amount": 7}),
        ("aggregate_histograms", {"time_window_end": "2024-01-01 00:05Z"}),
        ("aggregate_histograms", {"event_count": 0}),
        ("aggregate_histograms", {"event_count": 10**12}),  # a bucket holds twelve digits
        ("aggregate_histograms", {"zero_count": 2}),
        ("aggregate_histograms", {"min_value": 1}),
        ("aggregate_histograms", {"buckets": -1}),
        ("aggregate_histograms", {"negative_buckets": -1}),
        ("failed_items", {"stage": "elsewhere"}),
        ("failed_items", {"status": "lost"}),
        ("failed_items", {"status": "replayed"}),  # when?
        ("failed_items", {"resolved_at": "2024-01-01 00:00Z"}),  # how?
        ("failed_items", {"attempts": 0}),
        ("raw_event_files", {"rows": 0}),
        ("raw_event_files", {"bytes": 0}),
        ("raw_event_files", {"last_sequence_number": 6}),
        ("raw_event_files", {"min_occurred_at": "2024-01-01 12:00Z", "max_occurred_at": "2024-01-01 11:00Z"}),
        ("raw_event_files", {"max_occurred_at": "2024-01-02 00:00Z"}),  # two days in one file
    ],
)
def test_a_row_that_cannot_be_true_is_refused(database: Database, table: str, changed: dict[str, object]) -> None:
    with pytest.raises(CheckViolation, match=f"{table}_.*_check"):
        insert(database, table, **changed)


def test_every_stage_of_the_code_has_a_place_in_failed_items(database: Database) -> None:
    """A dead letter that the table refuses would hold up its partition for ever."""
    for number, stage in enumerate(Stage):
        assert insert(database, "failed_items", stage=stage.value, sequence_number=number) is not None


def test_the_average_is_computed_exactly_from_the_sums(database: Database) -> None:
    insert(database, "payment_metrics_5m", total_amount="0.30", total_count=3, max_amount="0.2")
    with psycopg.connect(database.analyst_dsn) as connection:
        assert connection.execute("SELECT avg_amount FROM payment_metrics_5m").fetchone() == (Decimal("0.1"),)


def test_the_rows_of_a_transaction_are_found_by_its_filters_and_not_by_reading_the_day(database: Database) -> None:
    with psycopg.connect(database.migrator_dsn, autocommit=True) as connection:
        connection.execute("""
            INSERT INTO dynamic_metrics (transaction_id, metric_type, metric_value, created_at)
            SELECT 'txn-' || number / 4, 'amount', 1, '2024-01-01 00:00Z' FROM generate_series(1, 20000) AS number
        """)
        connection.execute("VACUUM ANALYZE dynamic_metrics_default")
        connection.execute("SET enable_seqscan = off")  # 105 pages are read as fast as they are searched
        plan = "\n".join(
            line
            for (line,) in connection.execute(
                "EXPLAIN (ANALYZE, TIMING OFF) SELECT * FROM dynamic_metrics WHERE transaction_id = 'txn-777'"
            )
        )
    assert "dynamic_metrics_default_transaction_id_idx" in plan
    read = sum(int(blocks) for blocks in re.findall(r"lossy=(\d+)", plan))
    assert 32 <= read < 64, "one filter's pages and the last ones, of more than 100"
