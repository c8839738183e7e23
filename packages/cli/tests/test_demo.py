"""The demo runs the main job and proves its books; the proof fails when somebody cooks them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from payments.commands import demo
from payments.demo.books import Check, check_books
from payments.local.azurite import Azurite
from payments.local.database import create_database, create_logins, drop_database
from payments.local.place import Place
from payments.local.postgres import PostgresServer
from payments.local.services import CONTAINER, DATABASE, Services
from payments.main import app
from payments_storage.archive_dataset import archive_files, open_archive
from payments_storage.connect import open_container
from payments_storage.settings import StorageSettings

EQUATIONS = 11


@dataclass(frozen=True)
class Demo:
    """What a run of the demo printed and left behind."""

    output: str
    source: Path
    migrator_dsn: str

    def checks(self) -> list[Check]:
        with psycopg.connect(self.migrator_dsn) as connection:
            return check_books(self.source, open_archive(StorageSettings.load()), connection)

    def broken(self) -> list[str]:
        return [check.statement for check in self.checks() if not check.holds]

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.migrator_dsn) as connection:
            assert connection.execute(statement.encode()).rowcount == 1


@pytest.fixture
def done(
    server_place: Place,
    postgres_server: PostgresServer,
    azurite: Azurite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Demo]:
    """The demo, on the servers of the tests instead of the clone's."""
    services = Services(server_place, postgres_server, azurite)
    create_logins(postgres_server)
    create_database(postgres_server, DATABASE)
    azurite.create_container(CONTAINER)
    monkeypatch.setattr(demo, "start_clean", lambda: services)
    monkeypatch.setattr(demo, "LOCAL", tmp_path)
    for name in services.settings():
        monkeypatch.setenv(name, "")  # the demo sets them in os.environ: this takes them back afterwards
    result = CliRunner().invoke(app, ["demo", "--events", "3000", "--seed", "7"])
    assert result.exit_code == 0, result.output
    yield Demo(result.stdout, tmp_path / "demo.ndjson", os.environ["POSTGRES_MIGRATOR_DSN"])
    drop_database(postgres_server, DATABASE)
    azurite.delete_container(CONTAINER)


def test_the_demo_shows_every_table_and_books_that_agree(done: Demo) -> None:
    for table in ("failed_items", "ingested_events", "raw_event_files", "payment_metrics_5m", "aggregate_histograms"):
        assert f"\n{table}, " in done.output
    assert "\ndynamic_metrics, " in done.output
    assert "events a second" in done.output
    assert "raw_events/yyyy=" in done.output
    assert done.output.count(" agrees ") == EQUATIONS
    assert "DIFFERS" not in done.output


def test_a_cent_a_row_or_a_file_too_few_is_found(done: Demo) -> None:
    assert done.broken() == []
    busiest = "(SELECT ctid FROM payment_metrics_5m ORDER BY total_count DESC LIMIT 1)"
    done.execute(f"UPDATE payment_metrics_5m SET total_amount = total_amount + 0.01 WHERE ctid = {busiest}")  # noqa: S608
    assert done.broken() == ["rows of payment_metrics_5m that differ from the archive"]
    done.execute(f"UPDATE payment_metrics_5m SET total_amount = total_amount - 0.01 WHERE ctid = {busiest}")  # noqa: S608
    done.execute("DELETE FROM failed_items WHERE failed_item_id = (SELECT min(failed_item_id) FROM failed_items)")
    assert "events in = archived + exact duplicates + failed" in done.broken()
    settings = StorageSettings.load()
    with open_container(settings) as container:
        container.delete_blob(next(iter(archive_files(settings))))
    assert {
        "rows in the archive = ingested_events",
        "rows in the archive = rows that the manifest claims",
        "files in the archive = files in the manifest",
        "rows in the archive = sum of payment_metrics_5m.total_count",
    } <= set(done.broken())
