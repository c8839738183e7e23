"""`payments smoke` at the command line: wrong usage, and what it says to people and to machines."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from payments.commands.smoke import Proof, _print
from payments.main import app
from payments_storage.smoke import SmokeEvents, Total


def test_without_a_hub_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EVENTHUB_NAME", "EVENTHUB_CONNECTION_STRING", "EventHubConnection"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(app, ["smoke"])
    assert result.exit_code == 2
    assert "Set EVENTHUB_NAME" in result.stderr


def test_its_help_has_an_example() -> None:
    result = CliRunner().invoke(app, ["smoke", "--help"], env={"COLUMNS": "200"})
    assert "Example: payments smoke --events 100" in result.stdout


def test_it_names_what_is_wrong_and_where_to_read_on(capsys: pytest.CaptureFixture[str]) -> None:
    events = SmokeEvents("0a1b2c3d", 2, datetime.now(UTC))
    places = {"archive": Total(1, Decimal("1.000000001")), "ingested_events": Total(2, None)}
    _print(Proof(events, places, {"currency_unknown": 1}, "PostgreSQL: away", 3.0))
    said = capsys.readouterr().out
    assert "archive: WRONG: 1 events, 1.000000001 XTS" in said
    assert "ingested_events: 2 events" in said
    assert "currency_unknown (docs/error-codes.md)" in said
    assert "PostgreSQL: away" in said
    assert "docs/deploy.md" in said
