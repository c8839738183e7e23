"""PostgreSQL is gone: a new, empty database is filled from the archive alone, and reconcile finds nothing wrong."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from payments.local.database import MIGRATOR, OPERATOR, READER, WRITER, create_database, drop_database
from payments.local.migrate import migrate
from payments.local.postgres import PostgresServer
from payments_storage.compact.manifest import Manifest
from payments_storage.compact.note import Note
from payments_storage.rebuild.recover import Recovered, Recovery

from .compacting import archived, batch, blobs, compact, deliver, remove
from .events import DAY, NOON, NOT_JSON, TODAY, bodies, messages, rfc3339
from .reconciling import DAY_SPAN, named, reconcile
from .system import System

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

DAYS = (TODAY - 2 * DAY, TODAY + DAY)
Lose = Callable[[], System]


@pytest.fixture
def lose_database(
    database: "Database", archive_container: "ArchiveContainer", postgres_server: PostgresServer
) -> Iterator[Lose]:
    """Drops the database with all that is in it, and migrates a new one; gives the system on that."""
    opened: list[System] = []
    name = f"{database.name}_again"

    def lose() -> System:
        drop_database(postgres_server, database.name)
        create_database(postgres_server, name)
        migrate(postgres_server.dsn(MIGRATOR, name))
        dsns = (postgres_server.dsn(login, name) for login in (WRITER, MIGRATOR, READER, OPERATOR))
        again = type(database)(name, *dsns)
        opened.append(System(again, archive_container))
        return opened[0]

    yield lose
    for system in opened:
        system.runtime.close()
        system.container.close()
        drop_database(postgres_server, name)
        create_database(postgres_server, database.name)  # for the fixture, which drops it


def recover(system: System) -> Recovered:
    with system.operator() as pipeline:
        recovery = Recovery(pipeline, "payments", (TODAY - timedelta(days=90)).date())
        return recovery.run(DAYS[0].date(), DAYS[1].date())


def books(system: System) -> dict[str, Any]:
    """All that counts, without surrogate keys and times of insertion."""
    names = ("ingested_events", "payment_metrics_5m", "aggregate_histograms")
    keyed = {
        "ingested_events": "event_id, occurred_on, payload_hash, enqueued_on",
        "payment_metrics_5m": "window_start, payment_method, currency, payment_status, total_count, total_amount, "
        "min_amount, max_amount",
        "aggregate_histograms": "metric_type, event_type, time_window_start, time_window_end, event_count, sum_value, "
        "min_value, max_value, buckets, zero_count, negative_buckets",
    }
    rows = {name: sorted(system.rows(f"SELECT {keyed[name]} FROM {name}")) for name in names}  # noqa: S608
    rows["dynamic_metrics"] = sorted(
        system.rows(
            "SELECT transaction_id, metric_type, metric_value, metric_data::text, created_at FROM dynamic_metrics"
        )
    )
    rows["ingested_sequences"] = sorted(system.rows("SELECT t::text FROM ingested_sequences AS t"))
    return rows


def failed(system: System, stage: str | None = None) -> list[tuple[Any, ...]]:
    return system.rows(
        "SELECT stage, error_code, payload, partition_id, sequence_number, enqueued_at, status FROM failed_items"
        " WHERE stage = coalesce(%s, stage) ORDER BY sequence_number",
        stage,
    )


def fill(system: System) -> None:
    """Batches of three partitions over days: some compacted and removed, some compacted, some not."""
    deliver(system, 0, 1, 2)
    yesterday = bodies(range(500, 520), occurred_at=rfc3339(NOON - DAY))
    system.deliver(messages(yesterday, 0, NOON - DAY), "5")
    compact(system)
    remove(system)
    deliver(system, 3, 4, 5)
    compact(system)
    deliver(system, 6, 7)


def close(system: System) -> None:
    system.runtime.close()


def test_a_new_database_has_everything_again(system: System, lose_database: Lose) -> None:
    fill(system)
    events, known = archived(system), books(system)
    close(system)
    again = lose_database()
    report = recover(again)
    assert (report.events, report.repeats, report.parts, report.unreadable) == (len(events), [], [], [])
    assert archived(again) == events
    assert books(again) == known
    assert {kind for kind, *_ in named(reconcile(again, fix=True))} == {"orphan_file"}, "what compaction had replaced"
    assert named(reconcile(again)) == []
    assert named(reconcile(again, replace(DAY_SPAN, start=DAY_SPAN.start - DAY, end=DAY_SPAN.start))) == []


def test_what_is_delivered_again_afterwards_is_a_duplicate(system: System, lose_database: Lose) -> None:
    fill(system)
    close(system)
    again = lose_database()
    recover(again)
    before = books(again)
    for number in range(8):
        assert again.deliver(batch(number), str(number % 3)).duplicates == 20
    assert books(again) == before
    deliver(again, 8)
    assert archived(again)


def test_failed_events_come_back_when_the_hub_is_read_again(system: System, lose_database: Lose) -> None:
    """One was never valid, two counted and waited for their file: nobody but the lost database and the hub has them."""
    fill(system)
    first = messages([(b"{", NOT_JSON), *bodies([900])], 60)
    waiting = messages(bodies([901, 902]), 62)
    system.deliver(first)
    system.runtime.pipeline.intake._archive_away_until = math.inf
    assert system.deliver(waiting).deferred == 2
    known, rejected = books(system), failed(system, "decode")
    assert len(rejected) == 1
    assert len(failed(system, "archive")) == 2
    close(system)

    again = lose_database()
    recover(again)
    assert failed(again) == []
    assert books(again)["payment_metrics_5m"] != known["payment_metrics_5m"], "without the two that waited"
    for number in range(8):
        again.deliver(batch(number), str(number % 3))
    again.deliver(first)
    again.deliver(waiting)

    assert failed(again) == rejected
    assert books(again) == known
    reconcile(again, fix=True)
    assert named(reconcile(again)) == []


def test_it_may_be_repeated_and_ingest_may_have_gone_on(system: System, lose_database: Lose) -> None:
    fill(system)
    known = books(system)
    close(system)
    again = lose_database()
    deliver(again, 0, 3, 6)  # the hub delivers once more what the archive has: nothing knows it yet
    first = recover(again)
    assert first.parts, "a part of what the files have had been stored again"
    assert recover(again).events == 0
    reconcile(again, fix=True)
    assert books(again) == known
    assert len({row["event_id"] for row in archived(again)}) == len(archived(again))
    assert named(reconcile(again)) == []


def test_files_of_attempts_that_never_committed_count_nothing_twice(
    system: System, lose_database: Lose, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(system, 0, 1)
    (path, *_) = sorted(blobs(system))
    data = system.container.download_blob(path).readall()
    system.container.upload_blob(path.replace("_p", "_p9"), data)  # the same events in a batch of other bounds
    known = books(system)
    with monkeypatch.context() as patched:  # a compaction that wrote its files and died
        patched.setattr(Manifest, "swap", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            compact(system)
    close(system)
    again = lose_database()
    report = recover(again)
    assert len(report.repeats) == 1
    assert books(again) == known


def test_a_compaction_that_ended_before_its_note_leaves_the_originals_to_count(
    system: System, lose_database: Lose, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(system, 0, 1)
    events, known = archived(system), books(system)
    monkeypatch.setattr(Note, "write", lambda *_: None)
    compact(system)
    monkeypatch.undo()
    close(system)
    again = lose_database()
    recover(again)
    assert books(again) == known
    assert archived(again) == events
    assert again.rows("SELECT count(*) FROM raw_event_files WHERE made_by IS NOT NULL") == [(0,)]
