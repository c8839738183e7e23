"""The examples of docs/archive.md do what the page says: each command is run, and the program too."""

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from azure.storage.blob import StandardBlobTier
from typer.testing import CliRunner

from payments.main import app
from payments_core.event import Delivery
from payments_storage.pipeline import Pipeline
from payments_storage.pipeline_settings import PipelineSettings

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

PAGE: Final = (Path(__file__).parents[2] / "docs" / "archive.md").read_text(encoding="utf-8")
COMMANDS: Final = re.findall(r"^```sh\n(payments events query .*?)\n```$", PAGE, re.DOTALL | re.MULTILINE)
(PROGRAM,) = re.findall(r"^```python\n(.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE)
MORNING: Final = datetime(2026, 11, 3, 8, tzinfo=UTC)


def event(number: int, **changes: Any) -> bytes:
    fields = {
        "transaction_id": f"txn_{number}",
        "event_type": "payment.captured",
        "occurred_at": (MORNING + timedelta(minutes=number)).isoformat(),
        "amount": "10.00",
        "currency": "EUR",
        "payment_method": "card",
        "payment_status": "captured",
        **changes,
    }
    return json.dumps(fields).encode()


BODIES: Final = [
    event(0, transaction_id="txn_8c1f", event_id="7e8be4a0-5d0a-4b39-8d5f-8b1c6f4c2a10"),
    event(1, merchant_id="m_17", payment_status="refunded", event_type="payment.refunded"),
    event(2, amount="25000.00"),
]
"""One for each kind of question."""


@pytest.fixture(autouse=True)
def pipeline(database: "Database", archive_container: "ArchiveContainer", monkeypatch: pytest.MonkeyPatch) -> Pipeline:
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
        pipeline.intake.take(Delivery("payments", "0", BODIES, [0, 1, 2], [MORNING + timedelta(hours=1)] * 3))
        return pipeline


FOUND: Final = {
    "--transaction-id": 1,
    "--merchant-id": 1,
    "--min-amount": 1,
    "parquet": 3,
    "--without-postgres": 3,
    "--rehydrate": 3,
    "--event-id": 1,
}
"""What tells an example from the others -> how many events it finds."""


def test_the_page_has_an_example_for_each_question() -> None:
    assert [next(word for word in FOUND if word in command) for command in COMMANDS] == list(FOUND)


@pytest.mark.parametrize("command", COMMANDS, ids=list(FOUND))
def test_each_command_finds_what_it_is_about(
    command: str, pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "--rehydrate" in command:
        (name,) = pipeline.container.list_blob_names()
        pipeline.container.get_blob_client(name).set_standard_blob_tier(StandardBlobTier.ARCHIVE)
    arguments = shlex.split(command.replace("\\\n", " "))[1:]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    count = next(count for word, count in FOUND.items() if word in command)
    assert f"{count} event{'' if count == 1 else 's'} in " in result.stderr
    if "--output" in arguments:
        assert (tmp_path / arguments[arguments.index("--output") + 1]).stat().st_size > 0


def test_the_program_sums_and_collects() -> None:
    names: dict[str, Any] = {}
    exec(PROGRAM, names)  # noqa: S102 - our own page
    assert names["captured"] == Decimal("25020.00")
    assert names["transactions"] == {"txn_8c1f", "txn_1", "txn_2"}
