"""Dead letters that fail again and again, that cannot be read, or that two redrives find at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from threading import Barrier
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.integration.books import Books
from tests.integration.events import DAY, NOON, Bad, Message, body, messages
from tests.integration.system import System, decode, without_files

from ingest.translate import to_delivery
from payments_core.event import Delivery
from payments_storage.redrive import MAX_ATTEMPTS, Redrive, RedriveReport

from .conftest import OpenSystem, orphans
from .fault_proxy import FaultProxy
from .faulty_connection import Answer, Fault

POISON: Final = "poison"


def batch(number: int, *, poison: bool = False) -> list[Message]:
    first = number * 2
    kind = POISON if poison else "payment.captured"
    return messages([body(first, event_type=kind), body(first + 1, event_type=kind)], first=first)


def cancel_poison(system: System) -> None:
    """Statements that store a marked event are cancelled every time, as by the statement time-out."""
    system.owner_does(
        "CREATE FUNCTION cancel() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE 'canceling statement due to statement timeout' USING ERRCODE = '57014'; END $$"
    )
    system.owner_does(
        "CREATE TRIGGER cancel BEFORE INSERT ON aggregate_histograms FOR EACH ROW "
        f"WHEN (NEW.event_type = '{POISON}') EXECUTE FUNCTION cancel()"
    )


def dead_letter(system: System, way: FaultProxy, books: Books, *numbers: int) -> None:
    """PostgreSQL is away while these deliveries come."""
    intake = system.runtime.pipeline.intake
    with pytest.MonkeyPatch.context() as patch, way.doing(Fault.CUT, lambda _: True, times=None):
        patch.setattr(intake, "_budget_seconds", 0.0)
        for number in numbers:
            assert system.deliver(batch(number)).dead_lettered == 2
            books.deliver(batch(number))


def redrive_at(system: System, now: datetime) -> RedriveReport:
    pipeline = system.runtime.pipeline
    parts = (pipeline.intake, pipeline.dead_letters, pipeline.deferred_archive, pipeline.services_answer)
    return Redrive(*parts, now=lambda: now).run(60)


def test_a_delivery_that_always_fails_does_not_hold_up_the_others_and_ends_with_a_person(
    open_system: OpenSystem, postgres_way: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = open_system(retry_budget_seconds=1)
    monkeypatch.setattr(system.runtime.pipeline.intake, "_budget_seconds", 0.0)
    cancel_poison(system)
    books = Books()
    poisoned = batch(0, poison=True)
    assert system.deliver(poisoned).dead_lettered == 2
    dead_letter(system, postgres_way, books, 1, 2)
    now = datetime.now(UTC)
    report = redrive_at(system, now)
    assert (report.letters, report.postponed) == (2, 1)
    assert redrive_at(system, now + timedelta(minutes=1)).postponed == 0, "not due before its pause is over"
    for attempt in range(2, MAX_ATTEMPTS):
        (letter,) = system.runtime.pipeline.dead_letters.pending()
        assert letter.attempts == attempt - 1
        assert letter.next_attempt_at - now == min(timedelta(minutes=2 ** (attempt - 1)), timedelta(hours=1))
        now = letter.next_attempt_at
        assert redrive_at(system, now).postponed == 1
    assert redrive_at(system, now + timedelta(hours=1)).quarantined == 1
    assert list(system.runtime.pipeline.dead_letters.pending()) == []
    exhausted = Bad("claim", "redrive_exhausted")
    books.deliver([Message(each.body, each.sequence_number, each.enqueued_at, exhausted) for each in poisoned])
    assert system.state(orphans(system)) == books.state()
    assert system.rows("SELECT DISTINCT next_attempt_at FROM failed_items") == [(None,)]


def test_a_file_that_is_no_delivery_is_set_aside_with_its_bytes(
    open_system: OpenSystem, postgres_way: FaultProxy
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    dead_letter(system, postgres_way, books, 1)
    container = system.runtime.pipeline.dead_letters._container
    container.upload_blob("pending/0000_strange.parquet", b"strange")
    report = system.runtime.pipeline.redrive.run(30)
    assert (report.letters, report.unreadable, report.stopped) == (1, 1, None)
    assert list(container.list_blob_names()) == ["unreadable/0000_strange.parquet"]
    assert container.download_blob("unreadable/0000_strange.parquet").readall() == b"strange"
    assert system.state() == books.state()


def test_a_delivery_whose_very_quarantine_is_refused_is_set_aside_and_does_not_hold_up_the_others(
    open_system: OpenSystem, postgres_way: FaultProxy
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    dead_letter(system, postgres_way, books, 1)
    letters = system.runtime.pipeline.dead_letters
    refused = Delivery("hub\0", "0", [body(9)], [0], [NOON - DAY])  # PostgreSQL has no NUL in a text
    letters.put(refused, "PostgreSQL was away")
    now = datetime.now(UTC) + timedelta(minutes=1)
    for _ in range(MAX_ATTEMPTS - 1):
        assert redrive_at(system, now).postponed == 1
        (letter,) = letters.pending()
        now = letter.next_attempt_at
    report = redrive_at(system, now)
    assert (report.unreadable, report.quarantined, report.stopped) == (1, 0, None)
    assert list(letters.pending()) == []
    (aside,) = letters.unreadable()
    assert letters.load(aside) == refused
    assert system.state() == books.state()


def test_card_data_that_the_guard_of_the_time_did_not_know_is_masked_when_a_letter_comes_back(
    open_system: OpenSystem,
) -> None:
    system = open_system(retry_budget_seconds=5)
    number, masked = "4111111111111111", "411111******1111"
    bodies = [body(0, note=number), body(1, note=number, amount="x")]
    system.runtime.pipeline.dead_letters.put(Delivery("payments", "0", bodies, [0, 1], [NOON] * 2), "away")
    assert system.runtime.pipeline.redrive.run(30).letters == 1
    (row,) = system.state().archive.values()
    assert (json.loads(row["event_payload"])["note"], row["redactions"]) == (masked, 1)
    ((payload, detail),) = system.rows("SELECT payload, detail FROM failed_items")
    assert (json.loads(payload)["note"], detail["redactions"]) == (masked, 1)


def parquet(**changes: list[Any]) -> bytes:
    """A letter of one event, but for the changes."""
    now = datetime.now(UTC)
    columns = {"body": [b"{}"], "sequence_number": [1], "enqueued_at": [now], "redactions": [0], **changes}
    table = pa.table(columns).replace_schema_metadata({"event_hub": "payments", "partition_id": "0"})
    sink = BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        parquet(body=[None]),
        parquet(body=[[1]]),
        parquet(sequence_number=["first"]),
        parquet(sequence_number=[None]),
        parquet(body=[], sequence_number=[], enqueued_at=[], redactions=[]),
        b"",
    ],
    ids=["no body", "body of numbers", "number of letters", "no number", "no event", "no byte"],
)
def test_a_file_that_only_looks_like_a_delivery_holds_nothing_else_up(
    open_system: OpenSystem, postgres_way: FaultProxy, data: bytes
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    dead_letter(system, postgres_way, books, 1)
    system.runtime.pipeline.dead_letters._container.upload_blob("pending/0000_strange.parquet", data)
    report = system.runtime.pipeline.redrive.run(30)
    assert (report.letters, report.unreadable, report.stopped) == (1, 1, None)
    assert system.state() == books.state()


@pytest.mark.parametrize(
    "notes",
    [{"attempts": "x"}, {"next_attempt_at": "soon"}, {"next_attempt_at": "2100-01-01T00:00:00", "attempts": "3"}],
    ids=str,
)
def test_notes_of_a_letter_that_cannot_be_read_begin_anew(
    open_system: OpenSystem, postgres_way: FaultProxy, notes: dict[str, str]
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    dead_letter(system, postgres_way, books, 1)
    letters = system.runtime.pipeline.dead_letters
    (letter,) = letters.pending()
    letters._container.get_blob_client(letter.name).set_blob_metadata(notes)
    (letter,) = letters.pending()
    assert (letter.attempts, letter.next_attempt_at <= datetime.now(UTC)) == (0, True)
    assert system.runtime.pipeline.redrive.run(30).letters == 1
    assert system.state() == books.state()


def test_two_redrives_at_once_do_no_harm(open_system: OpenSystem, postgres_way: FaultProxy) -> None:
    systems = [open_system(retry_budget_seconds=5), open_system(retry_budget_seconds=5)]
    books = Books()
    dead_letter(systems[0], postgres_way, books, *range(4))
    for each in systems:
        each.runtime.pipeline.pool.timeout = 5
    together = Barrier(2)

    def run(system: System) -> RedriveReport:
        together.wait(10)
        return system.runtime.pipeline.redrive.run(60)

    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(run, systems))
    assert [(report.postponed, report.quarantined, report.stopped) for report in reports] == [(0, 0, None)] * 2
    assert sum(report.letters for report in reports) >= 4
    assert list(systems[0].runtime.pipeline.dead_letters.pending()) == []
    assert systems[0].state() == books.state()


def count_without_files(system: System, batch: list[Message], partition: str, minutes: int) -> None:
    """Events that count, and whose archive file has been due for so long."""
    intake = system.runtime.pipeline.intake
    delivery = to_delivery(decode(batch, partition))
    intake.commit(delivery, intake.parse(delivery), defer_archive="Blob Storage was away")
    system.owner_does(
        f"UPDATE failed_items SET next_attempt_at = now() - interval '{minutes} minutes' "  # noqa: S608 - ours
        f"WHERE partition_id = '{partition}'"
    )


def test_two_redrives_at_once_write_each_archive_file_once(open_system: OpenSystem) -> None:
    systems = [open_system(retry_budget_seconds=5), open_system(retry_budget_seconds=5)]
    events = messages([body(number) for number in range(400)])
    count_without_files(systems[0], events, "0", minutes=1)
    books = Books()
    books.deliver(events)
    together = Barrier(2)

    def write(system: System) -> int:
        together.wait(10)
        return system.runtime.pipeline.deferred_archive.write_next()

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(write, systems)) == 400, "shared among them, whoever is first"
    assert systems[0].rows("SELECT DISTINCT status, attempts FROM failed_items") == [("replayed", 2)]
    assert without_files(systems[0].state()) == without_files(books.state())


def test_the_archive_file_that_has_been_due_for_longest_is_written_first(open_system: OpenSystem) -> None:
    system = open_system(retry_budget_seconds=5)
    for partition, minutes in (("0", 5), ("1", 9), ("2", 7)):
        count_without_files(system, messages([body(int(partition))]), partition, minutes)
    written = []
    for _ in range(3):
        before = set(system.container.list_blob_names())
        assert system.runtime.pipeline.deferred_archive.write_next() == 1
        (name,) = set(system.container.list_blob_names()) - before
        written.append(name.rpartition("_p")[2].partition("-")[0])
    assert written == ["1", "2", "0"]


@pytest.mark.parametrize("fault", [Fault.BLACKHOLE, Fault.CUT, Answer(503)], ids=["no answer", "reset", "503"])
def test_a_letter_whose_removal_fails_stays_and_the_next_redrive_finds_that_it_counts_already(
    open_system: OpenSystem, postgres_way: FaultProxy, blob_way: FaultProxy, fault: Fault | Answer
) -> None:
    """As when the redrive is killed between its commit and the removal."""
    system = open_system(retry_budget_seconds=1)
    books = Books()
    dead_letter(system, postgres_way, books, 1)
    with blob_way.doing(fault, lambda message: message.kind == "DELETE", times=None) as struck:
        assert system.runtime.pipeline.redrive.run(30).stopped is not None
    assert struck
    assert len(list(system.runtime.pipeline.dead_letters.pending())) == 1
    assert system.state() == books.state()
    before = system.dump()
    assert system.runtime.pipeline.redrive.run(30).letters == 1
    assert system.dump() == before
    assert list(system.runtime.pipeline.dead_letters.pending()) == []


def test_a_letter_that_arrives_in_halves_is_not_taken_for_an_unreadable_one(
    open_system: OpenSystem, postgres_way: FaultProxy, blob_way: FaultProxy
) -> None:
    system = open_system(retry_budget_seconds=1)
    books = Books()
    dead_letter(system, postgres_way, books, 1)
    with blob_way.doing(Fault.HALVE, lambda message: message.data.endswith(b"PAR1"), times=None) as struck:
        report = system.runtime.pipeline.redrive.run(30)
    assert struck
    assert (report.unreadable, report.stopped is not None) == (0, True)
    assert system.runtime.pipeline.redrive.run(30).letters == 1
    assert system.state() == books.state()
