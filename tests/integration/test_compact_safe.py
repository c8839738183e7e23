"""Whoever reads, writes, compacts or dies in the middle of a compaction: each event counts once, at any moment."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from payments_storage.archive_dataset import open_file_system
from payments_storage.compact import compact as module
from payments_storage.compact.compact import Compactor
from payments_storage.compact.manifest import Manifest
from payments_storage.compact.report import Report
from payments_storage.errors import TransientStorageError
from payments_storage.raw_event import RAW_EVENT_SCHEMA

from .compacting import archived, batch, blobs, compact, deliver, remove, tables
from .events import NOON, bodies, messages, rfc3339
from .killed import Killed
from .reconciling import LATER, counted, named, notes, reconcile
from .system import System


def counting(system: System) -> list[str]:
    return [path for (path,) in system.rows("SELECT path FROM raw_event_files WHERE state = 'active' ORDER BY path")]


def scan(system: System, paths: list[str]) -> Iterator[pa.RecordBatch]:
    """The events of these files as pyarrow reads them, a file at a time."""
    dataset = ds.dataset(
        [f"{system.container.container_name}/{path}" for path in paths],
        schema=RAW_EVENT_SCHEMA,
        format="parquet",
        filesystem=open_file_system(system.settings),
    )
    yield from dataset.to_batches(use_threads=False, batch_readahead=0, fragment_readahead=0)


def sorted_rows(batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, RAW_EVENT_SCHEMA).to_pylist()
    return sorted(rows, key=lambda row: (row["event_id"], row["occurred_at"]))


def test_a_reader_in_the_middle_of_its_scan_reads_every_event_once(system: System) -> None:
    deliver(system, *range(8))
    before = archived(system)
    reader = scan(system, counting(system))
    read = [next(reader)]
    compact(system)
    remove(system, age=timedelta(hours=23))
    read += reader
    assert sorted_rows(read) == before
    assert sorted_rows(list(scan(system, counting(system)))) == before


def test_the_manifest_has_every_event_once_at_any_moment(system: System) -> None:
    deliver(system, *range(8))
    stop = Event()

    def look() -> set[int]:
        seen = set()
        while not stop.is_set():
            seen.add(int(system.rows("SELECT sum(rows) FROM raw_event_files WHERE state = 'active'")[0][0]))
        return seen

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(look)
        compact(system)
        remove(system)
        stop.set()
        assert watching.result() == {160}


def test_of_two_compactions_at_once_one_wins_and_the_other_leaves_nothing_behind(
    system: System, other_owner: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(system, *range(6))
    before, originals = archived(system), blobs(system)
    both = Barrier(2, timeout=30)
    swap = Manifest.swap

    def at_once(*arguments: Any) -> bool:
        both.wait()
        return swap(*arguments)

    monkeypatch.setattr(Manifest, "swap", at_once)
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(compact, (system, other_owner)))
    assert sorted(report.files_before for report in reports) == [0, len(originals)]
    assert sum(report.notes != [] for report in reports) == 1, "the slower one says so"
    assert archived(system) == before
    assert blobs(system) - originals == set(counting(system))


def test_late_events_join_their_hour_and_nothing_is_written_over_and_over(system: System) -> None:
    deliver(system, 0, 1)
    compact(system)
    hour = f"{NOON:compacted_%Y%m%dT%HZ}"
    made = []
    for round_ in range(5):
        late = bodies(range(1000 + 10 * round_, 1010 + 10 * round_), occurred_at=rfc3339(NOON + timedelta(minutes=1)))
        system.deliver(messages(late, 1000 + 10 * round_, NOON + timedelta(hours=3 + round_)), "7")
        system.deliver(messages([], 0), "8")
        deliver(system, 30 + round_)
        compact(system)
        made.append(sum(hour in path for path in counting(system)))
    assert made == [2, 3, 4, 1, 2], "files of the hour after each compaction: four are merged again"
    assert len({row["event_id"] for row in archived(system)}) == len(archived(system)) == 190
    remove(system)
    assert counted(reconcile(system)) == {"sequences": 2}, "partitions 7 and the others skip numbers in this test"


def test_files_that_others_may_take_for_orphans_are_not_swapped_in(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(system, 0, 1)
    before = counting(system)
    monkeypatch.setattr(module, "_UNTIL_SWAP", 0.0)
    with pytest.raises(TransientStorageError, match="orphans"):
        compact(system)
    assert counting(system) == before


def test_events_that_arrive_during_a_compaction_are_there_afterwards(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(system, *range(4))
    swap = Manifest.swap

    def deliver_first(*arguments: Any) -> bool:
        deliver(system, 4, 5)
        return swap(*arguments)

    monkeypatch.setattr(Manifest, "swap", deliver_first)
    compact(system)
    assert len(archived(system)) == 120
    assert named(reconcile(system)) == []


def test_a_batch_whose_file_was_compacted_away_is_still_a_duplicate_when_the_index_forgot_it(system: System) -> None:
    """The blob is gone, and so is the id: only the manifest still knows the name."""
    deliver(system, *range(4))
    compact(system)
    remove(system)
    before = archived(system)
    system.owner_does("TRUNCATE ingested_events")
    rest = tables(system)
    outcome = system.deliver(batch(0), "0")
    assert (outcome.duplicates, outcome.archived, outcome.failed) == (20, 0, 0)
    assert archived(system) == before
    assert tables(system) == rest


def test_what_is_older_than_the_dedup_window_is_found_in_compacted_files(system: System) -> None:
    arrived = NOON - timedelta(days=9)
    old = messages(bodies(range(20), occurred_at=rfc3339(arrived)), 0, arrived)
    system.deliver(old)
    system.deliver(messages(bodies(range(20, 40), occurred_at=rfc3339(arrived)), 20, arrived))
    compact(system)
    remove(system)
    system.owner_does("TRUNCATE ingested_events")
    again = system.deliver(old[::-1])
    assert (again.duplicates, again.archived) == (20, 0)


def test_originals_stay_when_what_replaced_them_is_gone(system: System) -> None:
    deliver(system, *range(4))
    originals = blobs(system)
    compact(system)
    (lost, *_) = counting(system)
    system.container.delete_blob(lost)
    report = remove(system)
    assert [problem.partition(" is missing")[0] for problem in report.problems] == [lost]
    assert report.removed == 0
    assert blobs(system) > originals


def test_a_file_that_is_not_what_the_manifest_says_is_left_out_and_named(system: System) -> None:
    deliver(system, *range(4))
    damaged, missing = counting(system)[:2]
    system.container.upload_blob(damaged, b"no Parquet", overwrite=True)
    system.container.delete_blob(missing)
    report = compact(system)
    assert report.kept == {
        "not what the manifest says (payments reconcile)": [damaged],
        "missing in Blob Storage (payments reconcile)": [missing],
    }
    assert {damaged, missing} <= set(counting(system))


@pytest.fixture
def killed(system: System) -> Iterator[Killed]:
    with Killed(system) as killed:
        yield killed


def test_killed_at_any_step_it_loses_nothing_and_repeats_nothing(system: System, killed: Killed) -> None:
    """SIGKILL after each request that changes Blob Storage and after each answer of PostgreSQL, until a run ends."""
    step = 0
    ended = False
    while not ended:
        for number in (2 * step, 2 * step + 1):
            system.deliver(messages(bodies([number]), number))
        step += 1
        before = archived(system)
        ended = killed.compact_and_remove(step)
        assert archived(system) == before, f"killed at step {step}"
        assert counted(reconcile(system, age=timedelta(0))) == {}, f"killed at step {step}"
    assert step > 15, "it was killed at few places only"
    for number in (2 * step, 2 * step + 1):
        system.deliver(messages(bodies([number]), number))
    pipeline = system.runtime.pipeline
    Compactor(pipeline.pool, pipeline.container, pipeline.file_system, now=lambda: datetime.now(UTC) + LATER).run(
        Report()
    )
    remove(system)
    assert named(reconcile(system)) == [], notes(reconcile(system))
    assert blobs(system) == set(counting(system)), "what the dead have left is gone"
