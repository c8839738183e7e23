"""`payments events compact` and `payments rebuild`: what they print, their exit status, and what is no range."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from typer.testing import CliRunner, Result

from payments.errors import Status
from payments.main import app
from payments_core.event import Delivery
from payments_storage.pipeline import Pipeline
from payments_storage.pipeline_settings import PipelineSettings

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
TODAY = f"{NOON:%Y-%m-%d}"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def owner_does(
    database: "Database", archive_container: "ArchiveContainer", monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Stores with three files of today, by the environment; gives a way to damage them."""
    environment = {
        "POSTGRES_DSN": database.dsn,
        "POSTGRES_OPERATOR_DSN": database.operator_dsn,
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
    with Pipeline(PipelineSettings.load()) as pipeline:
        for number in range(3):
            event = json.dumps({**body, "transaction_id": f"txn-{number}"}).encode()
            pipeline.intake.take(Delivery("payments", "0", [event], [number], [NOON + timedelta(seconds=number)]))

    def do(statement: str) -> None:
        with psycopg.connect(database.migrator_dsn) as connection:
            connection.execute(statement.encode())

    return do


@pytest.mark.usefixtures("owner_does")
def test_compact_says_what_it_would_do_and_then_what_it_did() -> None:
    assert "Would merge 3 events in 3 files" in run("events", "compact", "--dry-run").output
    assert "Merged 3 events in 3 files" in run("events", "compact", "--from", TODAY).output
    assert "Nothing to merge" in run("events", "compact").output


@pytest.mark.usefixtures("owner_does")
def test_compact_reports_as_json() -> None:
    report = json.loads(run("events", "compact", "--json").stdout)
    assert (report["events"], report["files_before"], report["files_after"], report["kept"]) == (3, 3, 1, {})


def test_rebuild_shows_what_differs_and_puts_it_right(owner_does: Callable[[str], None]) -> None:
    owner_does("UPDATE payment_metrics_5m SET total_amount = 31")
    shown = run("rebuild", "--from", TODAY, "--table", "payment_metrics_5m", "--dry-run")
    assert "payment_metrics_5m: 1 differences" in shown.output
    assert "3 payments, 31 -> 3 payments, 30" in shown.output
    assert "Nothing was changed" in shown.output
    assert "The new rows are in place" in run("rebuild", "--from", TODAY).output
    assert json.loads(run("rebuild", "--from", TODAY, "--json").stdout)["differences"] == {
        "payment_metrics_5m": 0,
        "aggregate_histograms": 0,
        "dynamic_metrics": 0,
    }


@pytest.mark.usefixtures("owner_does")
def test_rebuild_without_the_operators_login_says_which_role_it_needs(
    database: "Database", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTGRES_OPERATOR_DSN")
    result = run("rebuild", "--from", TODAY)
    assert result.exit_code == Status.FOUND_WRONG
    assert "a login that is a member of payments_operator" in result.stderr
    monkeypatch.setenv("POSTGRES_DSN", database.operator_dsn)  # as the job `operate` has it
    assert "The new rows are in place" in run("rebuild", "--from", TODAY).output


@pytest.mark.usefixtures("owner_does")
def test_a_database_that_is_not_lost_has_nothing_to_take_in() -> None:
    report = json.loads(run("rebuild", "--from", TODAY, "--lost-database", "--event-hub", "payments", "--json").stdout)
    assert (report["events"], report["files"]) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["events", "compact", "--to", TODAY], "--to needs --from"),
        (["events", "compact", "--from", "yesterday"], "'yesterday' is not a UTC day such as"),
        (["rebuild", "--from", "2026-11-02", "--to", "2026-11-01"], "before it begins"),
        (["rebuild", "--from", "9999-12-31"], "has no day after it"),
        (["rebuild", "--from", TODAY, "--table", "failed_items"], "'failed_items' cannot be rebuilt"),
        (["rebuild", "--from", TODAY, "--lost-database", "--dry-run"], "leave --dry-run and --table away"),
        (["rebuild", "--from", TODAY, "--lost-database"], "Add --event-hub NAME"),
    ],
)
def test_wrong_usage_says_what_to_do(owner_does: Callable[[str], None], arguments: list[str], message: str) -> None:
    del owner_does
    result = run(*arguments)
    assert (result.exit_code, message in result.output) == (2, True), result.output
