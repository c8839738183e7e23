"""Reconcile's own way of reading and adding up: COPY from libpq, windows hour by hour, values of any sign."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pyarrow as pa
import pytest

from payments_storage.connect import transaction
from payments_storage.errors import StorageError
from payments_storage.reconcile.copied import copied
from payments_storage.reconcile.snapshot import Snapshot

from .events import NOON, body, messages, rfc3339
from .reconciling import counted, reconcile
from .system import System

ROWS = pa.schema([("number", pa.int64()), ("text", pa.string())])


def test_a_copy_gives_every_row_and_leaves_the_connection_to_the_next_statement(system: System) -> None:
    statement = (
        "COPY (SELECT n, CASE n %% 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE E'a \"b\",\\nc' || n END "
        "FROM generate_series(1, %(last)s) AS n) TO STDOUT (FORMAT csv)"
    )
    with Snapshot.open(system.runtime.pipeline.pool) as snapshot:
        rows = pa.concat_tables(snapshot.copied(statement, ROWS, last=200_000))
        assert list(snapshot.copied(statement, ROWS, last=0)) == []
        assert snapshot.rows("SELECT 1") == [(1,)]
    assert rows["number"].to_pylist() == list(range(1, 200_001))
    assert rows["text"].to_pylist()[:5] == ["", 'a "b",\nc2', None, "", 'a "b",\nc5']


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("COPY (SELECT 1 / (150000 - n), 'x' FROM generate_series(1, 200000) AS n) TO STDOUT (FORMAT csv)", "22012"),
        ("COPY (SELECT n FROM no_such_table) TO STDOUT (FORMAT csv)", "42P01"),
        (
            (
                "COPY (SELECT n, pg_terminate_backend(CASE n WHEN 150000 THEN pg_backend_pid() ELSE 0 END)::text "
                "FROM generate_series(1, 200000) AS n WHERE n = 1 OR n >= 150000) TO STDOUT (FORMAT csv)"
            ),
            "PostgreSQL",
        ),
    ],
)
def test_a_copy_that_breaks_off_is_an_error_of_ours_and_not_a_shorter_table(
    system: System, statement: str, says: str
) -> None:
    with pytest.raises(StorageError, match=says), Snapshot.open(system.runtime.pipeline.pool) as snapshot:
        list(snapshot.copied(statement, ROWS))
    with Snapshot.open(system.runtime.pipeline.pool) as snapshot:
        assert snapshot.rows("SELECT 1") == [(1,)]


def test_waiting_for_rows_ends_with_the_deadline_and_lets_other_threads_run(system: System) -> None:
    statement = "COPY (SELECT 1, pg_sleep(600)::text) TO STDOUT (FORMAT csv)"
    waited, ticks = Event(), []

    def tick() -> None:
        while not waited.wait(0.01):
            ticks.append(1)

    def take() -> None:
        with transaction(system.runtime.pipeline.pool, seconds=2) as connection:
            list(copied(connection, statement, ROWS, {}))

    with ThreadPoolExecutor(1) as other:
        other.submit(tick)
        try:
            with pytest.raises(StorageError, match="in time"):
                take()
        finally:
            waited.set()
    assert len(ticks) > 3


def test_events_of_many_hours_types_and_signs_agree_and_a_bucket_below_zero_that_moved_is_seen(system: System) -> None:
    amounts = ("-12.50", "0.00", "7.00", "-0.01", "99999.99")
    events = [
        body(
            n,
            occurred_at=rfc3339(NOON + n * timedelta(minutes=7)),
            amount=amounts[n % 5],
            event_type=f"payment.{'abc'[n % 3]}",
            fee_amount=amounts[n // 5 % 5],
        )
        for n in range(100)
    ]
    system.deliver(messages(events))
    findings = reconcile(system)
    assert counted(findings) == {}
    assert findings["histograms"].compared["values"] == 200
    system.owner_does(
        "UPDATE aggregate_histograms SET negative_buckets = negative_buckets * 1e12 WHERE negative_buckets > 0 "
        "AND metric_type = 'amount' AND time_window_end - time_window_start = '1 day'"
    )
    assert counted(reconcile(system)) == {"histograms": 3}
