"""`payments events query` as an auditor uses it: what it prints, writes and refuses."""

import csv
import json
import re
import stat
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from azure.storage.blob import ContainerClient, StandardBlobTier
from typer.testing import CliRunner, Result

from payments.archive import waiting
from payments.main import app
from payments_core.event import Delivery
from payments_storage.pipeline import Pipeline
from payments_storage.pipeline_settings import PipelineSettings
from payments_storage.query.rehydrate import Archived
from payments_storage.raw_event import RAW_EVENT_SCHEMA

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
TODAY = f"{NOON:%Y-%m-%d}"
HOSTILE = "m-\x1b[2J\u202e[red]"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["events", "query", *arguments])


def event(number: int) -> bytes:
    fields: dict[str, Any] = {
        "transaction_id": f"txn-{number // 2}",
        "event_type": "payment.captured",
        "occurred_at": (NOON + timedelta(minutes=number)).isoformat(),
        "amount": f"{number}.50" if number % 2 else str(1000 * number),
        "currency": "EUR" if number % 2 else "JPY",
        "payment_method": "card",
        "payment_status": "captured",
        "merchant_id": HOSTILE if number == 3 else f"m-{number % 2}",
    }
    return json.dumps(fields).encode()


@pytest.fixture
def container(
    database: "Database", archive_container: "ArchiveContainer", monkeypatch: pytest.MonkeyPatch
) -> ContainerClient:
    """Stores that hold ten events, a minute apart, two to a transaction, by the environment."""
    environment = {
        "POSTGRES_DSN": database.dsn,
        "POSTGRES_AUTH": "password",
        "ARCHIVE_CONNECTION_STRING": archive_container.connection_string,
        "ARCHIVE_CONTAINER": archive_container.name,
        "DEAD_LETTER_CONTAINER": archive_container.dead_letters,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with Pipeline(PipelineSettings.load()) as pipeline:
        times = [NOON + timedelta(minutes=number) for number in range(10)]
        pipeline.intake.take(Delivery("payments", "0", [event(number) for number in range(10)], list(range(10)), times))
        return pipeline.container


@pytest.mark.usefixtures("container")
def test_a_day_is_shown_as_a_table_in_the_order_of_time() -> None:
    result = run("--from", TODAY)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].split() == [
        "occurred_at", "event_type", "transaction_id", "amount", "currency", "payment_status", "merchant_id",
    ]  # fmt: skip
    assert lines[2].split() == [
        f"{TODAY}T12:01:00.000000Z", "payment.captured", "txn-0", "1.50", "EUR", "captured", "m-1",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:]] == sorted(line.split()[0] for line in lines[1:])
    assert re.fullmatch(r"10 events in \d+\.\d\d s, by the manifest in PostgreSQL: exact\.\n", result.stderr), (
        result.stderr
    )


@pytest.mark.usefixtures("container")
def test_a_table_ends_where_it_should_and_says_so() -> None:
    result = run("--from", TODAY, "--limit", "3")
    assert len(result.stdout.splitlines()) == 1 + 3
    assert result.stderr.startswith("The first 3 events in ")
    assert run("--from", TODAY, "--limit", "10").stderr.startswith("10 events in ")


@pytest.mark.usefixtures("container")
def test_nothing_of_an_event_can_move_the_cursor() -> None:
    stdout = run("--from", TODAY, "--transaction-id", "txn-1").stdout
    assert r"m-\x1b[2J\u202e[red]" in stdout
    assert "\x1b" not in stdout
    assert "\u202e" not in stdout


@pytest.mark.usefixtures("container")
def test_a_transaction_is_found_without_a_range() -> None:
    result = run("--transaction-id", "txn-3", "--format", "jsonl")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["occurred_at"] for each in events] == [f"{TODAY}T12:06:00.000000Z", f"{TODAY}T12:07:00.000000Z"]
    assert [each["amount"] for each in events] == ["6000", "7.50"]
    assert list(events[0]) == RAW_EVENT_SCHEMA.names
    assert events[0]["event_payload"].encode() == event(6)


@pytest.mark.usefixtures("container")
def test_each_format_has_the_same_events(tmp_path: Path) -> None:
    due = [
        (f"txn-{number // 2}", Decimal(f"{number}.5") if number % 2 else Decimal(1000 * number)) for number in range(10)
    ]
    found = {}
    for kind in ("jsonl", "csv", "parquet"):
        output = tmp_path / f"events.{kind}"
        result = run("--from", TODAY, "--format", kind, "--output", str(output), "--columns", "transaction_id,amount")
        assert (result.exit_code, result.stdout) == (0, "")
        assert stat.S_IMODE(output.stat().st_mode) == 0o600
        if kind == "jsonl":
            found[kind] = [json.loads(line) for line in output.read_text().splitlines()]
        elif kind == "csv":
            with output.open(newline="") as file:
                found[kind] = list(csv.DictReader(file))
        else:
            found[kind] = pq.read_table(output).to_pylist()
    for kind, events in found.items():
        assert sorted((each["transaction_id"], Decimal(each["amount"])) for each in events) == sorted(due), kind
    assert list(tmp_path.iterdir()) != []
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".incomplete"]


@pytest.mark.usefixtures("container")
@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "table"])
def test_an_answer_without_events_is_an_answer(tmp_path: Path, kind: str) -> None:
    output = tmp_path / "none"
    result = run("--from", "2020-01-01", "--format", kind, "--output", str(output))
    assert result.exit_code == 0
    assert result.stderr.startswith("0 events in ")
    if kind == "parquet":
        assert pq.read_table(output).schema.names == RAW_EVENT_SCHEMA.names
    if kind == "csv":
        assert output.read_text().count("\n") == 1


@pytest.mark.usefixtures("container")
def test_conditions_and_offsets_are_understood() -> None:
    start, end = (f"{TODAY}T14:0{minute}:00+02:00" for minute in (2, 8))
    result = run("--from", start, "--to", end, "--merchant-id", "m-0", "--min-amount", "3000", "--format", "csv")
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [row["amount"] for row in rows] == ["4000", "6000"]


@pytest.mark.usefixtures("container")
def test_explain_says_what_was_read_and_the_report_as_json_too(tmp_path: Path) -> None:
    result = run("--transaction-id", "txn-3", "--explain")
    assert re.search(r"^ +1  files of the archive$", result.stderr, re.MULTILINE)
    assert re.search(r"read, of .* of the days asked for, \d+\.\d+%", result.stderr)
    output = str(tmp_path / "events.jsonl")
    report = json.loads(run("--from", TODAY, "--format", "jsonl", "-o", output, "--json").stdout)
    assert (report["events"], report["files_opened"], report["more"], report["output"]) == (10, 1, False, output)


@pytest.mark.usefixtures("container")
def test_without_postgres_it_says_so_and_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_DSN", "postgresql://nobody@127.0.0.1:9/none?connect_timeout=1")
    result = run("--from", TODAY)
    assert result.exit_code == 1
    assert "--without-postgres asks the blobs alone" in result.stderr
    monkeypatch.delenv("POSTGRES_DSN")
    result = run("--from", TODAY, "--without-postgres")
    assert result.exit_code == 0
    assert "10 events in " in result.stderr
    assert "by the blobs alone, without PostgreSQL: repeats dropped by event id." in result.stderr


def test_an_incomplete_answer_ends_with_status_1_and_its_file_says_so(
    container: ContainerClient, tmp_path: Path
) -> None:
    (name,) = container.list_blob_names()
    container.upload_blob(name, b"", overwrite=True)
    result = run("--from", TODAY, "--format", "csv", "--output", str(tmp_path / "day.csv"))
    assert result.exit_code == 1
    assert f"payments: The answer is incomplete: 1 files could not be read.\n  {name} is empty" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["day.csv.incomplete"]


def test_an_archived_file_is_named_with_the_command_that_helps(container: ContainerClient) -> None:
    (name,) = container.list_blob_names()
    container.get_blob_client(name).set_standard_blob_tier(StandardBlobTier.ARCHIVE)
    result = run("--from", TODAY)
    assert result.exit_code == 1
    assert "1 files (" in result.stderr
    assert f"are in the archive tier, which cannot be read. The first: {name}\n" in result.stderr
    assert f"--name '{name}' --tier Hot" in result.stderr
    result = run("--from", TODAY, "--rehydrate", "--wait")
    assert result.exit_code == 0
    assert "Asked for 1 of 1 files (" in result.stderr
    assert "10 events in " in result.stderr


def test_it_waits_for_files_that_are_on_their_way(container: ContainerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Azurite brings a file back at once, so that only the listing is invented: Azure's takes hours to change."""
    listings = [[Archived("raw_events/a.parquet", 2_000_000, requested=True)]] * 2 + [[]]
    monkeypatch.setattr(waiting, "find_archived", lambda *_: listings.pop(0))
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.0)
    result = run("--from", TODAY, "--wait")
    assert result.exit_code == 0
    assert result.stderr.startswith("Waiting for 1 files (2.0 MB).\nWaiting for 1 files (2.0 MB).\n10 events")
    assert container.container_name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Say which days with --from"),
        (["--merchant-id", "m_17"], "the whole archive may be years"),
        (["--from", "yesterday"], "--from 'yesterday' is neither a UTC day"),
        (["--from", "2026-11-01T12:00"], "is neither a UTC day"),
        (["--from", "2026-11-02", "--to", "2026-11-01"], "before it begins"),
        (["--from", "0001-01-01T00:00:00+14:00"], "is no time in UTC"),
        (["--event-id", "7"], "--event-id '7' is no UUID"),
        (["--from", "2026-11-01", "--min-amount", "1e3"], "is no amount such as 129.90"),
        (["--from", "2026-11-01", "--min-amount", "2", "--max-amount", "1"], "no amount is at least 2 and at most 1"),
        (["--from", "2026-11-01", "--columns", "amount,iban"], "there is no iban"),
        (["--from", "2026-11-01", "--format", "parquet"], "Add --output FILE"),
        (["--from", "2026-11-01", "--json"], "Add --output FILE"),
    ],
)
def test_what_cannot_be_asked_is_wrong_usage(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())


@pytest.mark.usefixtures("container")
def test_a_file_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    result = run("--from", TODAY, "--format", "csv", "--output", str(tmp_path / "no" / "day.csv"))
    assert result.exit_code == 1
    assert "Name another file with --output" in result.stderr
