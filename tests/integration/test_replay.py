"""A replay puts failed events through the same pipeline: they count once, whoever replays them and however often."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from ingest.translate import to_delivery
from payments.failed import replay as replay_module
from payments.failed.preview import Expected, Preview
from payments.failed.replay import Replay, Replayed
from payments_core.batch import ParsedBatch
from payments_core.errors import ErrorCode, Stage
from payments_core.event import Delivery, Rejection
from payments_core.metrics import extract_metrics
from payments_storage import unit_of_work
from payments_storage.connect import open_connection
from payments_storage.failed_items import FailedItems, Filters

from .books import Books, State
from .events import DAY, NOON, NOT_JSON, Bad, Message, bodies, body, messages, rfc3339
from .system import System, decode, run, without_files

STATUSES = "SELECT status, error_code, attempts, resolved_by FROM failed_items ORDER BY sequence_number"
PENDING = "SELECT count(*) FROM failed_items WHERE status = 'pending'"
REFUSED = Bad("metrics", "refused_by_database")
NO_THIRTEEN = "ALTER TABLE dynamic_metrics ADD CONSTRAINT no_thirteen CHECK (metric_value <> 13)"
THIRTEEN_AGAIN = "ALTER TABLE dynamic_metrics DROP CONSTRAINT no_thirteen"


@contextmanager
def opened(system: System) -> Iterator[FailedItems]:
    with open_connection(system.settings) as connection:
        yield FailedItems(connection)


def replay(system: System, **filters: Any) -> Replayed:
    with opened(system) as items:
        return Replay(system.runtime.pipeline, items, "alice").run(items.choose(Filters(**filters)))


def preview(system: System) -> Expected:
    with opened(system) as items:
        chosen = items.choose(Filters())
        return Preview(system.runtime.pipeline, items, system.settings.dedup_window_days).of(chosen)


def delivery_of(batch: list[Message]) -> Delivery:
    return to_delivery(decode(batch))


def quarantine(system: System, batch: list[Message]) -> None:
    """As the redrive does when every attempt at a dead-lettered delivery has failed."""
    pipeline, delivery = system.runtime.pipeline, delivery_of(batch)
    rejections = [
        Rejection(index, Stage.CLAIM, ErrorCode.REDRIVE_EXHAUSTED, "10 attempts") for index in range(len(batch))
    ]
    pipeline.intake.commit(delivery, ParsedBatch(pipeline.parser.schema.empty_table(), rejections, 0))


def as_if_good(batch: list[Message]) -> list[Message]:
    return [replace(message, bad=None) for message in batch]


def counted(books: Books) -> State:
    """What counts, whatever lies in failed_items and in whichever files the events are."""
    return replace(without_files(books.state()), failed_items={})


def counting(system: System) -> State:
    return replace(without_files(system.state()), failed_items={})


def test_events_that_the_redrive_gave_up_are_stored_and_a_second_replay_changes_nothing(system: System) -> None:
    batch = messages(bodies(range(30), risk_score=0.5))
    quarantine(system, batch)
    assert replay(system) == Replayed(30, stored=30)
    books = Books()
    books.deliver(batch)
    assert system.state() == replace(books.state(), failed_items={})
    assert system.rows(STATUSES) == [("replayed", "redrive_exhausted", 2, "alice (ingest)")] * 30
    before = system.dump()
    assert replay(system) == Replayed(0)
    assert system.dump() == before


def test_what_the_database_refused_is_stored_once_it_no_longer_refuses_and_waits_until_then(system: System) -> None:
    system.owner_does(NO_THIRTEEN)
    batch = messages([*bodies(range(5)), (body(5, amount="13.00"), REFUSED), *bodies(range(6, 9))])
    system.deliver(batch)
    assert replay(system).rejected == {"refused_by_database": 1}
    assert system.rows(STATUSES) == [("pending", "refused_by_database", 2, None)]
    system.owner_does(THIRTEEN_AGAIN)
    assert replay(system) == Replayed(1, stored=1)
    books = Books()
    books.deliver(as_if_good(batch))
    assert counting(system) == counted(books)


def test_what_our_own_code_could_not_process_is_stored_by_the_mended_code(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(events: Any, rules: Any) -> Any:
        if "txn-00002" in events["transaction_id"].to_pylist():
            raise ZeroDivisionError
        return extract_metrics(events, rules)

    batch = messages(bodies(range(4)))
    with monkeypatch.context() as patch:
        patch.setattr(unit_of_work, "extract_metrics", defective)
        system.deliver(batch)
        assert replay(system).rejected == {"not_processable": 1}
    assert replay(system) == Replayed(1, stored=1)
    books = Books()
    books.deliver(batch)
    assert counting(system) == counted(books)


def test_what_is_wrong_in_the_event_itself_stays_pending_with_the_reason_of_today(system: System) -> None:
    batch = messages([body(1), body(1, amount="11.00"), (b"{", NOT_JSON)])
    books = run(system, batch)
    system.owner_does(
        "UPDATE failed_items SET stage = 'claim', error_code = 'redrive_exhausted', message = 'of old', event_id = NULL"
    )
    assert replay(system) == Replayed(2, rejected={"conflicting_duplicate": 1, "not_json": 1})
    assert system.rows(
        "SELECT stage, error_code, detail, event_id IS NOT NULL, attempts, status, resolved_at FROM failed_items "
        "ORDER BY stage"
    ) == [
        ("claim", "conflicting_duplicate", {"field": "event_id"}, True, 2, "pending", None),
        ("decode", "not_json", {}, False, 2, "pending", None),
    ]
    assert system.rows("SELECT count(*) FROM failed_items WHERE message = 'of old'") == [(0,)]
    assert counting(system) == counted(books)


def test_an_event_that_was_stored_by_another_way_meanwhile_is_resolved_as_a_duplicate(system: System) -> None:
    """After the mending the host delivered it again."""
    system.owner_does(NO_THIRTEEN)
    batch = messages([(body(5, amount="13.00"), REFUSED)])
    system.deliver(batch)
    system.owner_does(THIRTEEN_AGAIN)
    books = run(system, as_if_good(batch))
    assert replay(system) == Replayed(1, duplicates=1)
    assert (counting(system), system.rows(PENDING)) == (counted(books), [(0,)])


def test_an_event_that_the_index_has_forgotten_is_looked_up_in_the_archive(system: System) -> None:
    contents = bodies(range(3), occurred_at=rfc3339(NOON - 21 * DAY))
    batch, old = (messages(contents, first, NOON - 20 * DAY) for first in (0, 100))
    run(system, batch)
    quarantine(system, old)
    system.owner_does("DELETE FROM ingested_events")
    assert preview(system).duplicates == 3
    assert replay(system) == Replayed(3, duplicates=3)
    assert system.rows("SELECT sum(total_count) FROM payment_metrics_5m") == [(3,)]


@pytest.mark.parametrize("batch_size", [1, 4, 1000])
def test_the_preview_writes_nothing_and_foretells_the_replay(
    system: System, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    """New ones, some there twice, duplicates, conflicts, bad ones, and events that wait for their file only."""
    monkeypatch.setattr(replay_module, "_BATCH_EVENTS", batch_size)
    system.deliver(messages(bodies([1, 2])))
    contents = [*bodies([1, 2, 3, 4, 5, 3, 4]), body(1, amount="11.00"), body(5, amount="12.00"), b"{", b""]
    quarantine(system, messages(contents, first=10))
    quarantine(system, messages(bodies([5, 6]), first=50))
    deferred = delivery_of(messages(bodies([7, 8]), first=60))
    intake = system.runtime.pipeline.intake
    intake.commit(deferred, intake.parse(deferred), defer_archive="Blob Storage was away")
    before = system.dump()
    expected = preview(system)
    assert system.dump() == before
    rejected = {"conflicting_duplicate": 2, "not_json": 1, "empty_body": 1}
    assert expected == Expected(15, new=4, duplicates=5, to_archive=2, rejected=rejected)
    done = replay(system)
    assert (done.stored, done.duplicates, done.archived, done.rejected) == (4, 5, 2, rejected)


def test_an_event_that_counts_already_gets_its_archive_file_and_nothing_else(system: System) -> None:
    batch = messages(bodies(range(10)))
    delivery = delivery_of(batch)
    intake = system.runtime.pipeline.intake
    intake.commit(delivery, intake.parse(delivery), defer_archive="Blob Storage was away")
    assert replay(system) == Replayed(10, archived=10)
    books = Books()
    books.deliver(batch)
    assert system.state() == replace(books.state(), failed_items={})


def test_a_file_that_another_redrive_is_writing_is_left_to_it(system: System, other_owner: System) -> None:
    for partition in ("0", "1"):
        delivery = replace(delivery_of(messages(bodies([int(partition)]))), partition_id=partition)
        intake = system.runtime.pipeline.intake
        intake.commit(delivery, intake.parse(delivery), defer_archive="Blob Storage was away")
    with opened(other_owner) as items, items._transaction() as cursor:
        cursor.execute("SELECT FROM failed_items WHERE partition_id = '1' FOR UPDATE")
        assert replay(system) == Replayed(2, archived=1, left=1)


def test_a_file_that_cannot_be_written_yet_is_told_by_its_code(system: System) -> None:
    """Blob Storage answers, and yet refuses the file: the name is taken by one that counts."""
    batch = messages(bodies([1]))
    run(system, batch)
    delivery = delivery_of(batch)
    system.owner_does("DELETE FROM ingested_events")
    intake = system.runtime.pipeline.unit_of_work
    intake.commit(delivery, system.runtime.pipeline.parser.parse_and_normalize(delivery), defer_archive="away")
    assert replay(system) == Replayed(1, rejected={"archive_unavailable": 1})


def test_card_data_that_the_guard_did_not_know_is_masked_when_it_is_replayed(system: System) -> None:
    bad = Bad("validate", "field_missing", "amount")
    delivery = delivery_of(messages([(body(1, amount=None, note="4111 1111 1111 1111"), bad)]))
    intake = system.runtime.pipeline.intake
    intake.commit(delivery, intake.parse(delivery))
    assert replay(system) == Replayed(1, rejected={"field_missing": 1})
    ((payload, detail),) = system.rows("SELECT payload, detail FROM failed_items")
    assert b"4111 1111 1111 1111" not in payload
    assert detail == {"field": "amount", "redactions": 1}


def test_two_replays_at_once_share_the_work(
    system: System, other_owner: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "_BATCH_EVENTS", 10)
    batch = messages(bodies(range(200)))
    quarantine(system, batch)
    both_have_chosen = Barrier(2)

    def replay_with_the_other(owner: System) -> Replayed:
        with opened(owner) as items:
            chosen = items.choose(Filters())
            both_have_chosen.wait()
            return Replay(owner.runtime.pipeline, items, "alice").run(chosen)

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(replay_with_the_other, (system, other_owner))
    assert one.stored + other.stored == 200
    assert (one, other) == (Replayed(200, one.stored, left=other.stored), Replayed(200, other.stored, left=one.stored))
    books = Books()
    books.deliver(batch)
    assert (counting(system), system.rows(PENDING)) == (counted(books), [(0,)])


def test_what_another_replay_works_on_or_has_tried_since_is_left_to_it(system: System, other_owner: System) -> None:
    quarantine(system, messages([b"{", b"["]))
    with opened(other_owner) as items:
        chosen = items.choose(Filters())
        with items.locked(chosen[:1]):
            assert replay(system) == Replayed(2, left=1, rejected={"not_json": 1})
        late = Replay(other_owner.runtime.pipeline, items, "bob").run(chosen)
    assert late == Replayed(2, left=1, rejected={"not_json": 1})
    assert [row[2] for row in system.rows(STATUSES)] == [2, 2]


@pytest.mark.parametrize("moment", ["unit_of_work.UnitOfWork.commit", "failed_items.LockedItems.mark"])
def test_a_replay_that_is_killed_leaves_entries_that_the_next_one_resolves(system: System, moment: str) -> None:
    """Killed before the pipeline commits, and between its commit and the marking of the entries."""
    batch = messages(bodies(range(20)))
    quarantine(system, batch)
    module, _, attribute = moment.partition(".")
    code = (
        f"import os, signal; from payments_storage import {module}; from payments.main import app\n"
        f"{module}.{attribute} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        'app(["failed", "replay", "--all", "--yes"])'
    )
    killed = subprocess.run([sys.executable, "-c", code], env=environment(system), capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert system.rows(PENDING) == [(20,)]
    before = 20 if attribute == "LockedItems.mark" else 0
    assert replay(system) == Replayed(20, stored=20 - before, duplicates=before)
    books = Books()
    books.deliver(batch)
    assert counting(system) == counted(books)


def environment(system: System) -> dict[str, str]:
    settings = system.settings
    assert settings.archive_connection_string is not None
    return {
        **os.environ,
        "POSTGRES_DSN": settings.postgres_dsn.get_secret_value(),
        "POSTGRES_AUTH": "password",
        "ARCHIVE_CONNECTION_STRING": settings.archive_connection_string.get_secret_value(),
        "ARCHIVE_CONTAINER": settings.archive_container,
        "DEAD_LETTER_CONTAINER": settings.dead_letter_container,
    }


def test_a_service_that_is_away_stops_the_replay_and_nothing_is_marked(system: System) -> None:
    quarantine(system, messages(bodies(range(3))))
    before = system.dump()
    system.owner_does("ALTER TABLE ingested_events RENAME TO hidden")
    report = replay(system)
    system.owner_does("ALTER TABLE hidden RENAME TO ingested_events")
    assert (report.stored, report.tried) == (0, 0)
    assert report.stopped == 'PostgreSQL 42P01: relation "ingested_events" does not exist'
    assert system.dump() == before


def test_batches_are_of_one_partition_in_its_order_and_of_bounded_size(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "_BATCH_EVENTS", 3)
    monkeypatch.setattr(replay_module, "_BATCH_BYTES", 100)
    contents = [(b"{" * size, NOT_JSON) for size in (1, 1, 1, 1, 99, 200, 1)]
    for partition in ("1", "0"):
        system.deliver(messages(contents, enqueued_at=NOON + timedelta(hours=1)), partition)
    with opened(system) as items:
        cut = list(replay_module.batches(items.choose(Filters())))
    assert [[item.bytes for item in batch] for batch in cut] == [[1, 1, 1], [1, 99], [200], [1]] * 2
    assert [batch[0].partition_id for batch in cut] == ["0"] * 4 + ["1"] * 4
