"""A range is computed anew from the archive, while ingest goes on, and ends with exact totals."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from payments_storage.errors import PermanentStorageError
from payments_storage.rebuild import rebuild as module
from payments_storage.rebuild.rebuild import Rebuild
from payments_storage.rebuild.staging import Staging
from payments_storage.rebuild.task import TABLES, RebuildReport, RebuildTask
from payments_storage.reconcile.span import Span, SpanError

from .compacting import PARTITIONS, batch, compact, deliver, remove, tables
from .events import DAY, TODAY, bodies, messages
from .reconciling import DAY_SPAN, counted, defer, named, reconcile
from .system import System

_MOST = 100  # batches, of which the last still occur today
DAMAGE = (
    "UPDATE payment_metrics_5m SET total_amount = total_amount + 1, max_amount = 999",
    "UPDATE aggregate_histograms SET buckets = buckets * 10, event_count = event_count + 1",
    "DELETE FROM dynamic_metrics WHERE metric_type = 'fee_amount'",
    "INSERT INTO payment_metrics_5m VALUES (date_trunc('day', now(), 'UTC'), 'none', 'EUR', 'x', 1, 1, DEFAULT, 1, 1)",
)


def rebuild(system: System, *names: str, dry_run: bool = False, span: Span = DAY_SPAN) -> RebuildReport:
    with system.operator() as pipeline:
        task = RebuildTask(span, frozenset(names or TABLES), pipeline.windows)
        return Rebuild(pipeline, task).run(dry_run=dry_run)


def content(system: System) -> dict[str, Any]:
    """Without surrogate keys and times of insertion."""
    state = system.state()
    return {name: getattr(state, name) for name in TABLES}


@pytest.fixture
def damaged(system: System) -> System:
    deliver(system, *range(6))
    for statement in DAMAGE:
        system.owner_does(statement)
    assert set(counted(reconcile(system))) == {"metrics", "payments", "histograms"}
    return system


def test_what_was_damaged_is_right_again(damaged: System) -> None:
    report = rebuild(damaged)
    assert named(reconcile(damaged)) == []
    assert report.swapped
    assert set(report.differences) == set(TABLES)
    assert min(report.differences.values()) > 0
    assert rebuild(damaged).differences == dict.fromkeys(TABLES, 0)


def test_the_login_of_the_function_is_refused_and_hears_which_role_it_lacks(damaged: System) -> None:
    before = damaged.dump()
    pipeline = damaged.runtime.pipeline
    with pytest.raises(PermanentStorageError, match="a login that is a member of payments_operator"):
        Rebuild(pipeline, RebuildTask(DAY_SPAN, frozenset(TABLES), pipeline.windows)).run()
    assert damaged.dump() == before


def test_a_dry_run_names_the_differences_and_changes_nothing(damaged: System) -> None:
    before = damaged.dump()
    report = rebuild(damaged, dry_run=True)
    assert damaged.dump() == before
    assert not report.swapped
    row = (f"{TODAY:%Y-%m-%dT00:00:00Z} none EUR x", "1 payments, 1", None)
    assert row in report.named["payment_metrics_5m"]


def test_only_the_tables_that_are_named_are_touched(damaged: System) -> None:
    rebuild(damaged, "payment_metrics_5m")
    assert set(counted(reconcile(damaged))) == {"metrics", "histograms"}


def test_it_reads_compacted_files_too(damaged: System) -> None:
    compact(damaged)
    remove(damaged)
    rebuild(damaged)
    assert named(reconcile(damaged)) == []


def test_days_beside_the_range_stay_as_they_are(damaged: System) -> None:
    before = tables(damaged)
    rebuild(damaged, span=Span(DAY_SPAN.start - DAY, DAY_SPAN.start))
    after = tables(damaged)
    assert {name: len(rows) for name, rows in after.items()} == {name: len(rows) for name, rows in before.items()}
    assert set(counted(reconcile(damaged))) == {"metrics", "payments", "histograms"}


def test_what_is_committed_while_it_is_under_way_counts_once(damaged: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two of its steps a batch commits, is deferred, gets its file, or is compacted."""
    count, catch_up = Staging.count_archived, Rebuild._catch_up
    in_the_snapshot: Iterator[Callable[[], None]] = iter([lambda: deliver(damaged, 6)])
    between_rounds: Iterator[Callable[[], None]] = iter(
        [
            lambda: defer(damaged, messages(bodies(range(900, 910)), 900)),
            lambda: give_files_and_go_on(damaged),
        ]
    )

    def count_in_company(*arguments: Any) -> int:
        next(in_the_snapshot, lambda: None)()
        return count(*arguments)

    def catch_up_in_company(*arguments: Any) -> int:
        next(between_rounds, lambda: None)()
        return catch_up(*arguments)

    monkeypatch.setattr(Staging, "count_archived", count_in_company)
    monkeypatch.setattr(Rebuild, "_catch_up", catch_up_in_company)
    monkeypatch.setattr(module, "_LITTLE", 1)
    report = rebuild(damaged)
    assert report.while_under_way == 50
    assert set(counted(reconcile(damaged))) <= {"sequences"}


def give_files_and_go_on(system: System) -> None:
    archive_deferred(system)
    deliver(system, 7)
    compact(system)


def test_events_without_a_file_count_and_do_not_count_again_with_it(damaged: System) -> None:
    defer(damaged, messages(bodies(range(900, 910)), 900))
    rebuild(damaged)
    assert set(counted(reconcile(damaged))) <= {"sequences"}
    archive_deferred(damaged)
    assert rebuild(damaged).differences == dict.fromkeys(TABLES, 0)


def archive_deferred(system: System) -> None:
    system.owner_does("UPDATE failed_items SET next_attempt_at = now() WHERE stage = 'archive'")
    while system.runtime.pipeline.deferred_archive.write_next():
        pass


def test_a_new_metric_rule_fills_its_history(system: System) -> None:
    deliver(system, *range(3))
    system.owner_does("DELETE FROM dynamic_metrics WHERE metric_type = 'fee_amount'")
    system.owner_does("DELETE FROM aggregate_histograms WHERE metric_type = 'fee_amount'")
    report = rebuild(system)
    assert report.named["dynamic_metrics"] == [(f"{TODAY:%Y-%m-%d} fee_amount", None, "60 rows, 6")]
    assert named(reconcile(system)) == []


def test_a_range_that_cuts_a_window_is_refused_with_the_one_that_does_not() -> None:
    with pytest.raises(SpanError, match=r"take the days from 2026-01-01 until before 2026-01-08"):
        RebuildTask(Span.of_day(TODAY.replace(2026, 1, 3).date()), frozenset(TABLES), (timedelta(days=7),))


def test_a_redelivery_after_a_rebuild_changes_nothing(damaged: System) -> None:
    rebuild(damaged)
    before = tables(damaged)
    damaged.deliver(batch(0), "0")
    assert tables(damaged) == before


def test_ingest_in_full_swing_ends_with_exact_totals(damaged: System, other_owner: System) -> None:
    """Another worker stores batch after batch while the range is rebuilt, twice."""
    stop = Event()

    def go_on() -> int:
        number = 6
        while not stop.is_set() and number < _MOST:
            assert other_owner.deliver(batch(number), str(number % PARTITIONS)).archived == 20
            number += 1
        return number

    with ThreadPoolExecutor(1) as pool:
        ingest = pool.submit(go_on)
        reports = [rebuild(damaged), rebuild(damaged)]
        stop.set()
        assert ingest.result() > 6
    assert sum(report.while_under_way for report in reports) > 0, "nothing came meanwhile"
    assert named(reconcile(damaged)) == []
