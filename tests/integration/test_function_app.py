"""The functions of the app, called as the host calls them, on real stores."""

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from azure.functions import meta
from azure.functions.timer import TimerRequest

from payments_storage import timers

from .books import Books
from .events import DAY, NOON, NOT_JSON, TODAY, bodies, body, messages, rfc3339
from .system import System, decode, run

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

PARTITIONED = ("ingested_events", "dynamic_metrics")


@pytest.fixture
def functions(
    database: "Database", archive_container: "ArchiveContainer", monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Callable[..., Any]]]:
    """Name -> function, from a fresh import with settings in the environment."""
    monkeypatch.setenv("POSTGRES_DSN", database.dsn)
    monkeypatch.setenv("POSTGRES_AUTH", "password")
    monkeypatch.setenv("ARCHIVE_CONNECTION_STRING", archive_container.connection_string)
    monkeypatch.setenv("ARCHIVE_CONTAINER", archive_container.name)
    monkeypatch.setenv("DEAD_LETTER_CONTAINER", archive_container.dead_letters)
    # The import speeds up the library; what was there before comes back afterwards.
    monkeypatch.setattr(meta._BaseConverter, "_parse_datetime", vars(meta._BaseConverter)["_parse_datetime"])
    monkeypatch.delitem(sys.modules, "function_app", raising=False)
    module = importlib.import_module("function_app")
    logging.disable(logging.WARNING)  # the library warns that a function without HTTP has no HTTP authorization
    listed = {function.get_function_name(): function.get_user_function() for function in module.app.get_functions()}
    logging.disable(logging.NOTSET)
    yield listed
    module.runtime.close()
    del sys.modules["function_app"]


def test_a_batch_goes_through_the_ingest_function_and_comes_out_in_every_table(
    functions: dict[str, Callable[..., Any]], system: System, caplog: pytest.LogCaptureFixture
) -> None:
    batch = messages([*bodies(range(20), risk_score=0.25), (b"{", NOT_JSON), body(3, risk_score=0.25)], first=7)
    books = Books()
    books.deliver(batch, "5")
    with caplog.at_level(logging.INFO, "payments.ingest"):
        for _ in range(2):
            assert functions["ingest"](events=decode(batch, "5")) is None
    assert system.state() == books.state()
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(
        "partition=5 sequence=7..28 delivered=22 archived=20 deferred=0 duplicates=1 failed=1 failed_before=0 "
        "dead_lettered=0 parked=0 metrics=40 unusable_metrics=0 redacted=0 files=1 lag_s="
    )
    assert " archived=0 deferred=0 duplicates=21 failed=0 failed_before=1 dead_lettered=0 parked=0 metrics=0 " in second


def test_a_batch_without_events_is_done_at_once(functions: dict[str, Callable[..., Any]], system: System) -> None:
    before = system.dump()
    assert functions["ingest"](events=decode([])) is None
    assert system.dump() == before


def test_the_timer_makes_the_coming_days_and_moves_what_waits_in_the_default_partition(
    functions: dict[str, Callable[..., Any]], system: System, caplog: pytest.LogCaptureFixture
) -> None:
    day = NOON + 3 * DAY
    for table in PARTITIONED:
        system.owner_does(f"DROP TABLE {table}_{day:%Y%m%d}")
    batch = messages([body(1, occurred_at=rfc3339(day)), body(2)], enqueued_at=day)
    books = run(system, batch)
    for table in PARTITIONED:
        assert f"{table}_default" in system.partitions(table)
    with caplog.at_level(logging.INFO, "payments.maintain"):
        functions["maintain_partitions"](timer=TimerRequest())
    assert [record.getMessage() for record in caplog.records] == [
        f"{table}_{day:%Y%m%d} created 1" for table in PARTITIONED
    ]
    for table in PARTITIONED:
        assert set(system.partitions(table)) == {f"{table}_{time:%Y%m%d}" for time in (NOON, day)}
    system.deliver(batch)
    assert system.state() == books.state()


def test_the_timer_forgets_what_is_past_retention_and_keeps_ids_that_may_come_again(
    functions: dict[str, Callable[..., Any]], system: System
) -> None:
    """Of two events of a day long ago one came at the time, the other one yesterday."""
    long_ago = TODAY - 100 * DAY
    system.owner_does(f"SELECT ensure_partitions('{long_ago:%Y-%m-%d}', '{long_ago:%Y-%m-%d}')")
    in_time = messages([body(1, occurred_at=rfc3339(long_ago))], enqueued_at=long_ago)
    late = messages([body(2, occurred_at=rfc3339(long_ago))], first=1, enqueued_at=NOON - DAY)
    fresh = messages([body(3)], first=2)
    books = run(system, in_time, late, fresh)
    functions["maintain_partitions"](timer=TimerRequest())
    state, all_of_it = system.state(), books.state()
    assert state.archive == all_of_it.archive
    assert state.raw_event_files == all_of_it.raw_event_files
    assert state.payment_metrics_5m == all_of_it.payment_metrics_5m
    assert state.aggregate_histograms == all_of_it.aggregate_histograms
    assert [row[0] for row in state.dynamic_metrics] == ["txn-00003"]
    assert {int(event_id[-1]) for event_id, _ in state.ingested_events} == {2, 3}
    before = system.dump()
    for batch in (late, fresh):
        system.deliver(batch)
    assert system.dump() == before


def test_the_timer_drops_months_of_failed_items_that_were_resolved_before_retention(
    functions: dict[str, Callable[..., Any]], system: System
) -> None:
    """Retention is seven years: of three entries of long ago two were resolved, one of them lately."""
    times = [TODAY - years * 366 * DAY for years in (10, 9, 8)]
    for number, time in enumerate(times):
        system.deliver(messages([(b"{", NOT_JSON)], number, time))
    system.owner_does(
        "UPDATE failed_items SET status = 'discarded', resolution = 'sent again', resolved_at ="
        " CASE sequence_number WHEN 0 THEN enqueued_at ELSE now() END WHERE sequence_number < 2"
    )
    functions["maintain_partitions"](timer=TimerRequest())
    assert sorted(system.partitions("failed_items")) == [f"failed_items_{time:%Y%m}01" for time in times[1:]]


def test_the_timer_is_not_held_to_the_time_that_a_statement_of_the_ingest_has(
    functions: dict[str, Callable[..., Any]], system: System
) -> None:
    system.owner_does(f"ALTER DATABASE {system.database.name} SET statement_timeout = '3ms'")
    functions["maintain_partitions"](timer=TimerRequest())
    coming = f"{datetime.now(UTC) + 7 * DAY:%Y%m%d}"
    for table in PARTITIONED:
        assert system.rows(f"SELECT to_regclass('{table}_{coming}') IS NOT NULL") == [(True,)]


def test_the_timer_may_come_twice(functions: dict[str, Callable[..., Any]], system: System) -> None:
    run(system, messages(bodies([1])))
    functions["maintain_partitions"](timer=TimerRequest())
    before = system.dump()
    functions["maintain_partitions"](timer=TimerRequest())
    assert system.dump() == before
    today = datetime.now(UTC)
    for table in PARTITIONED:
        made = {f"{table}_{today + n * DAY:%Y%m%d}" for n in range(-1, 8)}
        assert made <= {name for (name,) in system.rows("SELECT relname FROM pg_class WHERE relkind = 'r'")}


def test_the_reconcile_timer_looks_at_an_hour_at_rest_and_counts_what_differs(
    functions: dict[str, Callable[..., Any]],
    system: System,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The alert `reconcile-difference` reads that count. An hour's turn is in the first five minutes of one."""
    begun = datetime.now(UTC).replace(minute=2, second=0, microsecond=0)
    monkeypatch.setattr(timers, "datetime", SimpleNamespace(now=lambda _utc: begun))
    at_rest = begun.replace(minute=30) - timedelta(hours=3)
    run(system, messages(bodies(range(3), occurred_at=rfc3339(at_rest)), enqueued_at=at_rest))
    with caplog.at_level(logging.INFO, "payments.reconcile"):
        functions["reconcile"](timer=TimerRequest())
        system.owner_does("DELETE FROM payment_metrics_5m")
        functions["reconcile"](timer=TimerRequest())
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert [line.partition(" events=")[2].split(" ")[:2] for line in lines] == [
        ["3", "differences=0"],
        ["3", "differences=1"],
    ]
