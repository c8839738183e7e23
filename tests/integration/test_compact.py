"""Compaction changes in which files the events are, and nothing else."""

from datetime import timedelta

from payments_storage.compact.note import Note, note_path

from .compacting import archived, blobs, compact, deliver, remove, tables
from .events import TODAY
from .reconciling import named, reconcile
from .system import System

HOUR = timedelta(hours=1)


def test_after_compaction_every_column_of_every_event_is_the_same_in_fewer_files(system: System) -> None:
    deliver(system, *range(12))
    before, rest = archived(system), tables(system)
    assert any(row["redactions"] for row in before), "no event was masked: the column would prove nothing"
    report = compact(system)
    assert archived(system) == before
    assert tables(system) == rest
    assert (report.events, report.files_before) == (len(before), len(archived_paths(system, "replaced")))
    assert report.files_after == len(archived_paths(system, "active")) < report.files_before
    assert named(reconcile(system)) == []


def test_a_compacted_file_has_events_of_one_hour_and_its_name_says_which(system: System) -> None:
    deliver(system, *range(12))
    compact(system)
    for path, first, last in system.rows(
        "SELECT path, min_occurred_at, max_occurred_at FROM raw_event_files WHERE state = 'active'"
    ):
        hour = first.replace(minute=0, second=0, microsecond=0)
        assert last < hour + HOUR
        assert path.startswith(f"raw_events/yyyy={TODAY:%Y/mm=%m/dd=%d}/compacted_{hour:%Y%m%dT%HZ}_"), path


def test_originals_lie_there_for_the_grace_period_and_then_go(system: System) -> None:
    deliver(system, *range(4))
    before, originals = archived(system), blobs(system)
    compact(system)
    assert blobs(system) > originals
    assert remove(system, age=timedelta(hours=23)).removed == 0
    assert blobs(system) > originals
    assert remove(system).removed == len(originals)
    assert not blobs(system) & originals
    assert archived(system) == before
    assert named(reconcile(system)) == []
    assert remove(system).removed == 0


def test_there_is_a_note_of_what_replaced_what(system: System) -> None:
    deliver(system, *range(4))
    originals = sorted(blobs(system))
    compact(system)
    made = archived_paths(system, "active")
    ((compaction,),) = system.rows("SELECT DISTINCT made_by FROM raw_event_files WHERE made_by IS NOT NULL")
    assert Note.read(system.container, note_path(made[0], compaction)) == Note(compaction, "payments", made, originals)


def archived_paths(system: System, state: str) -> list[str]:
    rows = system.rows('SELECT path FROM raw_event_files WHERE state = %s ORDER BY path COLLATE "C"', state)
    return [path for (path,) in rows]
