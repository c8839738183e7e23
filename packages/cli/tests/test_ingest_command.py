"""`payments ingest`: what it reports, how it ends, and what it shows meanwhile."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from typer.testing import CliRunner

from payments import meter
from payments.commands import ingest
from payments.errors import UserError
from payments.host import dispatch
from payments.host.known import enqueue_time_of, failures_of
from payments.host.report import Tally
from payments.main import app

from .stub import Stub, event_line, write

if TYPE_CHECKING:
    from conftest import Database


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are right, for a database that nobody asks."""
    monkeypatch.setenv("POSTGRES_DSN", "postgresql://ingest@127.0.0.1:1/payments")
    monkeypatch.setenv("ARCHIVE_ACCOUNT_URL", "https://example.blob.core.windows.net")
    monkeypatch.setattr(ingest, "enqueue_time_of", lambda _: None)
    monkeypatch.setattr(ingest, "failures_of", lambda _: {"not_json": 2, "text_empty": 1})


def payments(stub: Stub, *arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["ingest", "--function-folder", str(stub.folder), *arguments])
    assert result.exit_code == status, result.output
    return result.stderr if status else result.stdout


@pytest.mark.usefixtures("configured")
def test_the_command_reports_in_words_and_in_json(stub: Stub, tmp_path: Path) -> None:
    file = write(tmp_path / "events", [event_line(number) for number in range(50)])
    report = json.loads(payments(stub, str(file), "--partitions", "2", "--json"))
    assert (report["events"], report["retries"], report["stopped"]) == (50, 0, None)
    assert report["failed_items"] == {"not_json": 2, "text_empty": 1}
    assert set(report["latency_ms"]) == {"p50", "p95", "p99"}
    first, second = payments(stub, str(file), "--partitions", "1", "--workers", "1").splitlines()
    assert first.startswith("50 events in 3 batches, 0 retries,")
    assert second == "3 of them are in failed_items: 2 not_json, 1 text_empty."


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(("own", "keys"), [(None, "1000000"), ("700", "700")], ids=["unset", "set"])
def test_files_are_stored_whatever_their_keys_unless_the_environment_says_otherwise(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str | None, keys: str
) -> None:
    if own is not None:
        monkeypatch.setenv("KEYS_PER_DELIVERY", own)
    stub.behave('note["keys"] = os.environ["KEYS_PER_DELIVERY"]')
    payments(stub, str(write(tmp_path / "events", [event_line(1)])), "--workers", "1")
    assert [note["keys"] for note in stub.notes()] == [keys]


@pytest.mark.usefixtures("configured")
def test_the_command_fails_when_it_gave_up(stub: Stub, tmp_path: Path) -> None:
    stub.behave("if sequence[0] == 20: raise ValueError")
    file = write(tmp_path / "events", [event_line(number) for number in range(50)])
    message = payments(stub, str(file), "--partitions", "1", "--max-retries", "0", status=1)
    assert "Gave up after 0 retries" in message
    assert "events: events taken by partition: 0: 20." in message


@pytest.mark.usefixtures("configured")
def test_an_interrupted_command_has_the_status_of_ctrl_c(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Tally(stopped=dispatch.INTERRUPTED).report()
    monkeypatch.setattr(ingest, "run_host", lambda *_, **__: stopped)
    assert "interrupted" in payments(stub, "events", status=130)


@pytest.mark.usefixtures("configured")
def test_standard_input_can_be_named_once(stub: Stub) -> None:
    assert "once" in payments(stub, "-", "-", status=2)


@pytest.mark.usefixtures("configured")
def test_settings_that_cannot_be_used_are_told_before_a_worker_starts(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARCHIVE_ACCOUNT_URL")
    assert "ARCHIVE_ACCOUNT_URL" in payments(stub, "events", status=2)


def test_the_time_of_a_known_hub_is_that_of_its_failed_items_or_of_its_files(
    database: "Database", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_DSN", database.dsn)
    monkeypatch.setenv("POSTGRES_AUTH", "password")
    monkeypatch.setenv("ARCHIVE_ACCOUNT_URL", "https://example.blob.core.windows.net")
    arrived = datetime(2026, 11, 23, 20, 31, 55, 123_000, tzinfo=UTC)
    with psycopg.connect(database.migrator_dsn) as connection:
        connection.execute(
            "INSERT INTO failed_items (stage, error_code, message, payload, event_hub, partition_id, sequence_number, "
            "enqueued_at) VALUES ('decode', 'not_json', 'no JSON', 'x', 'file:1/8', '0', 0, %s)",
            [arrived],
        )
        connection.execute(
            "INSERT INTO raw_event_files (path, rows, bytes, min_occurred_at, max_occurred_at, event_hub, "
            "partition_id, first_sequence_number, last_sequence_number) VALUES (%s, 1, 1, now(), now(), 'file:3/8', "
            "'0', 0, 0)",
            ["raw_events/yyyy=2026/mm=11/dd=20/events_20261123T203155123000Z_p0-0.parquet"],
        )
    monkeypatch.setenv("PGTZ", "America/New_York")
    assert enqueue_time_of("file:1/8") == enqueue_time_of("file:3/8") == arrived
    assert enqueue_time_of("file:2/8") is None
    assert failures_of(["file:1/8", "file:2/8"]) == {"not_json": 1}
    assert failures_of(["file:2/8"]) == {}


@pytest.mark.usefixtures("configured")
def test_a_database_out_of_reach_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_DSN", "postgresql://ingest:none@127.0.0.1:1/payments")
    monkeypatch.setenv("POSTGRES_AUTH", "password")
    with pytest.raises(UserError, match="services up"):
        enqueue_time_of("file:1/8")


def test_without_a_terminal_progress_is_a_line_every_few_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "_LINE_SECONDS", 0.3)
    with meter.Meter("ingest") as shown:
        shown.show(10, 1, 4)
        time.sleep(0.35)
        shown.show(1_000, 1, 4)
        shown.show(2_000, 2, 4)
        shown.say("a word")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("ingest: 1,000 events, ")
    assert first.endswith(" events/s, 25 %")
    assert second == "a word"
