"""`payments reconcile`: exit status, table, JSON, and what is no range."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
import typer
from typer.testing import CliRunner, Result

from payments import main
from payments.commands.reconcile import reconcile
from payments_core.event import Delivery
from payments_storage.pipeline import Pipeline
from payments_storage.pipeline_settings import PipelineSettings

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
TODAY = f"{NOON:%Y-%m-%d}"
TOMORROW = f"{NOON + timedelta(days=1):%Y-%m-%d}"

app = typer.Typer(cls=main._Commands)
app.callback()(lambda: None)
app.command()(reconcile)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["reconcile", *arguments])


@pytest.fixture
def damage(
    database: "Database", archive_container: "ArchiveContainer", monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Stores that hold three events of today, by the environment; gives a way to damage them."""
    environment = {
        "POSTGRES_DSN": database.dsn,
        "POSTGRES_AUTH": "password",
        "ARCHIVE_CONNECTION_STRING": archive_container.connection_string,
        "ARCHIVE_CONTAINER": archive_container.name,
        "DEAD_LETTER_CONTAINER": archive_container.dead_letters,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    body = {
        "event_type": "payment.captured",
        "occurred_at": NOON.isoformat(),
        "amount": "10.00",
        "currency": "EUR",
        "payment_method": "card",
        "payment_status": "captured",
    }
    bodies = [json.dumps({**body, "transaction_id": f"txn-{number}"}).encode() for number in range(3)]
    with Pipeline(PipelineSettings.load()) as pipeline:
        pipeline.intake.take(Delivery("payments", "0", bodies, [0, 1, 2], [NOON] * 3))

    def execute(statement: str) -> None:
        with psycopg.connect(database.migrator_dsn) as connection:
            connection.execute(statement.encode())

    return execute


@pytest.mark.usefixtures("damage")
def test_stores_that_agree_end_with_status_0_and_a_table() -> None:
    result = run("--from", TODAY)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count(" agrees ") == 8
    assert f"Reconciled {TODAY}" in result.stdout
    assert "3 archived events, 3 indexed events" in result.stdout
    assert "No difference in " in result.stdout


def test_a_difference_is_named_and_ends_with_status_1(damage: Callable[[str], None]) -> None:
    damage("UPDATE payment_metrics_5m SET total_amount = total_amount + 0.01")
    result = run("--from", TODAY, "--to", TOMORROW)
    assert result.exit_code == 1
    assert "1 DIFFER" in result.stdout
    assert "payments_differ  " in result.stdout
    assert "captured: expected sum 30, found sum 30.01\n" in result.stdout
    assert "1 differences in " in result.stdout


def test_what_an_event_holds_cannot_drive_the_terminal(damage: Callable[[str], None]) -> None:
    damage("UPDATE payment_metrics_5m SET payment_method = 'card' || chr(27) || '[2J' || chr(8238)")
    said = run("--from", TODAY, "--to", TOMORROW).stdout
    assert "card\\x1b[2J\\u202e EUR captured" in said
    assert said.replace("\n", "").isprintable()


def test_the_report_as_json_has_every_check(damage: Callable[[str], None]) -> None:
    damage("DELETE FROM dynamic_metrics")
    result = run("--from", TODAY, "--json", "--limit", "1")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["from"] == f"{TODAY}T00:00:00+00:00"
    assert report["differences"] == report["checks"]["metrics"]["differences"] == 3
    assert report["checks"]["metrics"]["named"] == [
        {
            "kind": "metric_missing",
            "where": f"amount of 'txn-0' at {TODAY}T12:00:00+00:00",
            "expected": "10.000000000",
            "found": None,
        }
    ]
    assert len(report["checks"]) == 8


def test_what_is_not_named_is_counted(damage: Callable[[str], None]) -> None:
    damage("DELETE FROM dynamic_metrics")
    assert "  and 2 more (--limit)" in run("--from", TODAY, "--limit", "1").stdout


@pytest.mark.usefixtures("damage")
def test_without_a_range_it_is_yesterday() -> None:
    yesterday = f"{NOON - timedelta(days=1):%Y-%m-%d}"
    assert f"Reconciled {yesterday}" in run().stdout


@pytest.mark.usefixtures("damage")
def test_times_may_have_an_offset_and_a_part_of_a_day_says_what_it_leaves_out() -> None:
    result = run("--from", f"{TODAY}T14:00:00+02:00", "--to", f"{TODAY}T12:05:00Z")
    assert result.exit_code == 0
    assert f"Reconciled {TODAY}T12:00Z/{TODAY}T12:05Z" in result.stdout
    assert "Note: " in result.stdout
    assert "orphans were not looked for" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", TODAY], "--to needs --from"),
        (["--from", "yesterday"], "'yesterday' is neither a day such as 2026-11-01 nor a time"),
        (["--from", "2026-11-01T12:00"], "is neither a day"),
        (["--from", "2026-11-01T12:01Z"], "is not a multiple of five minutes"),
        (["--from", "2026-11-02", "--to", "2026-11-01"], "before it begins"),
        (["--from", "9999-12-31"], "cannot be reconciled"),
    ],
)
def test_what_is_no_range_is_wrong_usage(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())
