"""`payments failed`: what it prints, asks and refuses, on real events in a real queue."""

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner

from payments.failed import person
from payments.main import app
from payments_core.errors import ErrorCode
from payments_core.event import Delivery
from payments_storage.dead_letters import PARKED
from payments_storage.pipeline import Pipeline
from payments_storage.pipeline_settings import PipelineSettings

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

NOW = datetime.now(UTC)
HOSTILE = "txn-\x1b[2J\u202e[red]"


def event(number: int, **changes: Any) -> bytes:
    fields = {
        "event_id": str(UUID(int=number)),
        "transaction_id": f"txn-{number}",
        "event_type": "payment.captured",
        "occurred_at": NOW.isoformat(),
        "amount": "10.00",
        "currency": "EUR",
        "payment_method": "card",
        "payment_status": "captured",
        **changes,
    }
    return json.dumps(fields).encode()


@dataclass(frozen=True)
class Queue:
    """A pipeline in which event 1 is stored, and these failed: 1 not_json, 2 amount_too_fine, 3 a conflict with 1."""

    pipeline: Pipeline
    migrator_dsn: str

    def take(self, bodies: list[bytes], first: int = 0) -> None:
        numbers = list(range(first, first + len(bodies)))
        self.pipeline.intake.take(Delivery("payments", "0", bodies, numbers, [NOW] * len(bodies)))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.migrator_dsn) as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.migrator_dsn) as connection:
            connection.execute(statement.encode())

    def statuses(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT status, attempts FROM failed_items ORDER BY failed_item_id")


@pytest.fixture
def queue(
    database: "Database", archive_container: "ArchiveContainer", monkeypatch: pytest.MonkeyPatch
) -> Iterator[Queue]:
    monkeypatch.setenv("POSTGRES_DSN", database.dsn)
    monkeypatch.setenv("POSTGRES_AUTH", "password")
    monkeypatch.setenv("ARCHIVE_CONNECTION_STRING", archive_container.connection_string)
    monkeypatch.setenv("ARCHIVE_CONTAINER", archive_container.name)
    monkeypatch.setenv("DEAD_LETTER_CONTAINER", archive_container.dead_letters)
    monkeypatch.setattr(person, "getuser", lambda: "alice")
    with Pipeline(PipelineSettings.load()) as pipeline:
        queue = Queue(pipeline, database.migrator_dsn)
        queue.take(
            [event(1), b"{", event(2, amount="0.001", name="Bob", transaction_id=HOSTILE), event(1, amount="9.00")]
        )
        yield queue


def failed(*arguments: str, status: int = 0) -> str:
    """The command's output; its error output where it is expected to fail."""
    result = CliRunner().invoke(app, ["failed", *arguments])
    assert (result.exit_code, type(result.exception)) == (status, SystemExit if status else type(None)), result.output
    return result.stderr if status else result.stdout


def report(*arguments: str) -> Any:
    return json.loads(failed(*arguments, "--json"))


def let_the_refused_pass(queue: Queue) -> None:
    """As if the pipeline had failed on them for a reason that is gone."""
    queue.execute(
        "UPDATE failed_items SET payload = convert_to(replace(convert_from(payload, 'UTF8'), '0.001', '0.01'), "
        "'UTF8') WHERE error_code = 'amount_too_fine'"
    )


def test_list_counts_by_code_and_names_the_entries_and_what_waits_in_the_container(queue: Queue) -> None:
    letter = Delivery("payments", "3", [event(9)], [1], [NOW - timedelta(hours=5)])
    queue.pipeline.dead_letters.put(letter, "PostgreSQL was away")
    queue.pipeline.dead_letters.put(letter, "many keys", PARKED)
    said = failed("list")
    for words in ("conflicting_duplicate", "not_json", "amount_too_fine", "payments/0/2", "txn-1"):
        assert words in said
    words = "deliveries that wait for the redrive: 1; parts parked for their many keys: 1; the oldest event is 5h "
    assert f"Dead-letter container: {words}" in said
    listed = report("list", "--code", "amount_too_fine")
    assert [(row["error_code"], row["events"]) for row in listed["summary"]] == [("amount_too_fine", 1)]
    assert [entry["sequence_number"] for entry in listed["entries"]] == [2]
    container = listed["dead_letter_container"]
    assert (container["pending"], container["parked"], container["problem"]) == (1, 1, None)


def test_list_shows_the_newest_first_or_the_oldest_and_nothing_where_nothing_is(queue: Queue) -> None:
    assert [entry["failed_item_id"] for entry in report("list", "--limit", "2")["entries"]] == [3, 2]
    assert [entry["failed_item_id"] for entry in report("list", "--limit", "2", "--oldest")["entries"]] == [1, 2]
    assert "No such entry." in failed("list", "--until", "1h")
    queue.execute("DELETE FROM failed_items")
    assert failed("list").splitlines() == ["Nothing has failed and waits.", "Dead-letter container: empty."]


@pytest.mark.usefixtures("queue")
def test_list_needs_no_dead_letter_container_and_no_right_to_payloads(
    database: "Database", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_DSN", database.analyst_dsn)
    monkeypatch.setenv("DEAD_LETTER_CONTAINER", "not-there")
    said = failed("list")
    assert "amount_too_fine" in said
    assert "Dead-letter container: cannot be looked at. Blob Storage: list pending/: HTTP 404" in said


def test_a_strange_file_among_the_deliveries_is_counted(queue: Queue) -> None:
    container = queue.pipeline.dead_letters._container
    container.upload_blob("pending/20261399T000000000000Z_strange.parquet", b"strange")
    assert "Dead-letter container: deliveries that wait for the redrive: 1." in failed("list")


def test_while_postgresql_is_away_list_says_what_waits_in_the_container(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.pipeline.dead_letters.put(Delivery("payments", "3", [event(9)], [1], [NOW]), "PostgreSQL was away")
    monkeypatch.setenv("POSTGRES_DSN", "postgresql://ingest@127.0.0.1:1/payments")
    said = failed("list", status=1)
    assert "Dead-letter container: deliveries that wait for the redrive: 1" in said
    assert "payments: PostgreSQL: connection failed" in said


@pytest.mark.usefixtures("queue")
def test_what_an_event_holds_cannot_drive_the_terminal() -> None:
    for said in (failed("list"), failed("show", "2")):
        assert said.replace("\n", "").isprintable()
        assert r"\u202e[red]" in said.replace("\n", "")


@pytest.mark.usefixtures("queue")
def test_show_tells_all_that_is_known_and_masks_the_payload() -> None:
    said = failed("show", "2", "1")
    for line in ("Entry 2", "code:            amount_too_fine", "detail:          field = amount", "sequence number: 2",
                 "next attempt:    by a person", "attempts:        1", '  "name": "***" (3 characters)',
                 '  "amount": "0.001",', "Entry 1", "payload:         1 bytes", "{"):  # fmt: skip
        assert line in said.splitlines()
    assert "Bob" not in said + failed("show", "2", "--json")
    (entry,) = report("show", "1")
    assert (entry["payload"], entry["payload_bytes"], entry["error_code"]) == ("{", 1, "not_json")
    assert "There is no entry 98, 99." in failed("show", "1", "99", "98", status=1)


@pytest.mark.usefixtures("queue")
def test_the_exact_bytes_go_to_a_new_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    target = tmp_path / "payload"
    failed("show", "3", "--payload-to", str(target))
    assert target.read_bytes() == event(1, amount="9.00")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "does not exist yet" in failed("show", "2", "--payload-to", str(target), status=1)
    assert target.read_bytes() == event(1, amount="9.00")
    assert "name one ID" in failed("show", "1", "2", "--payload-to", str(tmp_path / "other"), status=2)


def test_replay_shows_what_would_happen_and_asks_before_it_does_anything(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_the_refused_pass(queue)
    before = queue.statuses()
    said = failed("replay", "--all", "--dry-run")
    assert [line.split(maxsplit=1) for line in said.splitlines()] == [
        ["Entries:", "3"],
        ["1", "would be stored"],
        ["1", "would fail again: conflicting_duplicate"],
        ["1", "would fail again: not_json"],
    ]
    assert "add --yes" in failed("replay", "--all", status=2)
    monkeypatch.setattr(person, "at_a_terminal", lambda: True)
    answers = CliRunner().invoke(app, ["failed", "replay", "--all"], input="n\n")
    assert answers.exit_code == 1
    assert queue.statuses() == before
    answers = CliRunner().invoke(app, ["failed", "replay", "--id", "2"], input="y\n")
    assert answers.exit_code == 0, answers.output
    assert queue.statuses() == [("pending", 1), ("replayed", 2), ("pending", 1)]


def test_replay_ends_with_status_1_while_entries_fail_again_and_with_0_when_none_is_left(queue: Queue) -> None:
    result = CliRunner().invoke(app, ["failed", "replay", "--all", "--yes", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["replayed"]["rejected"] == {
        "not_json": 1,
        "amount_too_fine": 1,
        "conflicting_duplicate": 1,
    }
    assert "Failed again and still pending: 3." in result.stderr
    let_the_refused_pass(queue)
    assert "1  stored" in failed("replay", "--code", "amount_too_fine", "--yes")
    assert queue.rows("SELECT sum(total_count), sum(total_amount) FROM payment_metrics_5m") == [(2, Decimal("10.01"))]
    assert report("replay", "--code", "amount_too_fine", "--yes") == {
        "expected": {"chosen": 0, "new": 0, "duplicates": 0, "to_archive": 0, "rejected": {}},
        "replayed": None,
    }


def test_a_replay_that_a_service_stops_says_so_and_what_to_do(queue: Queue) -> None:
    let_the_refused_pass(queue)
    queue.execute("REVOKE INSERT ON dynamic_metrics FROM payments_writer")
    said = failed("replay", "--id", "2", "--yes", status=1)
    assert "Stopped: PostgreSQL 42501: permission denied for table dynamic_metrics" in said
    assert "Replay again later" in said
    assert queue.statuses()[1] == ("pending", 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay"], "Choose the entries"),
        (["replay", "--all", "--id", "1"], "Choose the entries"),
        (["discard", "--reason", "x"], "Choose the entries"),
        (["discard", "--reason", " ", "--all"], "--reason is blank"),
        (["list", "--code", "no_json"], "no such error code"),
        (["list", "--since", "yesterday"], "Write 2026-01-31T12:00:00Z, 2h or 3d"),
        (["list", "--until", "2026-01-31T12:00:00"], "a time with an offset"),
        (["list", "--event-id", "17"], "is no UUID"),
        (["list", "--stage", "paint"], "Invalid value for '--stage'"),
        (["list", "--since", "999999d"], "before or after any time there is"),
        (["list", "--until", "9999-12-31T23:59:59-01:00"], "before or after any time there is"),
        (["list", "--id", "9223372036854775808"], "Invalid value for '--id'"),
        (["show", "9223372036854775808"], "Invalid value for 'ID'"),
        (["replay", "--transaction-id", "\udcff"], "--transaction-id is not UTF-8 text"),
        (["discard", "--all", "--reason", "\udcff"], "--reason is not UTF-8 text"),
    ],
)
def test_wrong_usage_is_explained_before_anything_is_looked_at(arguments: list[str], said: str) -> None:
    assert said in failed(*arguments, status=2)


def test_replay_and_discard_refuse_an_id_that_is_not_pending(queue: Queue) -> None:
    failed("discard", "--id", "1", "--reason", "a test", "--yes")
    before = queue.statuses()
    for command in (["replay"], ["discard", "--reason", "x"]):
        assert "Not pending" in failed(*command, "--id", "1", "--id", "2", "--yes", status=1)
    assert queue.statuses() == before


def test_discard_keeps_the_entry_with_the_reason_and_the_person(queue: Queue) -> None:
    assert "add --yes" in failed("discard", "--id", "1", "--reason", "a test", status=2)
    assert report("discard", "--code", "not_json", "--reason", " PAY-12 ", "--yes") == {
        "chosen": 1,
        "by_code": {"not_json": 1},
        "discarded": 1,
    }
    assert queue.rows("SELECT status, resolution, resolved_by, payload FROM failed_items WHERE failed_item_id = 1") == [
        ("discarded", "PAY-12", "alice (ingest)", b"{")
    ]
    said = failed("show", "1").splitlines()
    assert {"status:          discarded", "reason:          PAY-12", "resolved by:     alice (ingest)"} <= set(said)


def test_discard_refuses_events_that_count_and_are_not_archived(queue: Queue) -> None:
    delivery = Delivery("payments", "0", [event(7)], [7], [NOW])
    intake = queue.pipeline.intake
    intake.commit(delivery, intake.parse(delivery), defer_archive="Blob Storage was away")
    before = queue.statuses()
    said = failed("discard", "--all", "--reason", "x", "--yes", status=1)
    assert "Of the 4 chosen, 1 have stage archive" in said
    assert queue.statuses() == before
    assert "1  archived" in failed("replay", "--stage", "archive", "--yes")


def test_a_user_without_a_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError

    monkeypatch.setattr(person, "getuser", nameless)
    assert person.person().startswith("uid ")


@pytest.mark.parametrize("command", ["list", "show", "replay", "discard"])
def test_each_command_explains_itself_with_an_example(command: str) -> None:
    assert f"Example: payments failed {command}" in failed(command, "--help")


def test_the_document_for_the_on_call_says_for_each_code_what_to_do() -> None:
    document = (Path(__file__).parents[3] / "docs/failed-items.md").read_text(encoding="utf-8")
    table = document.partition("## What to do, by code")[2]
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(code for row in rows for code in re.findall("`([a-z_0-9]+)`", row[0])) == sorted(ErrorCode)
    assert all(cell.strip() for row in rows for cell in row)
