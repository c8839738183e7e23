"""From the SDK's producer through an Event Hub to two consuming processes, one of them killed: every total exact."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from payments.demo.books import Check, check_books
from payments.local.containers import CONSUMER_GROUP, HUB
from payments_storage.archive_dataset import open_archive
from payments_storage.settings import StorageSettings

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

COMMAND = str(Path(sys.executable).with_name("payments"))
EVENTS = 20_000
PATIENCE = 90.0


@pytest.fixture
def environment(
    database: "Database", archive_container: "ArchiveContainer", event_hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "POSTGRES_DSN": database.dsn,
        "POSTGRES_AUTH": "password",
        "ARCHIVE_CONNECTION_STRING": archive_container.connection_string,
        "ARCHIVE_CONTAINER": archive_container.name,
        "DEAD_LETTER_CONTAINER": archive_container.dead_letters,
        "CHECKPOINT_CONTAINER": f"{archive_container.name}-checkpoints",
        "EVENTHUB_CONNECTION_STRING": event_hub,
        "EVENTHUB_NAME": HUB,
        "EVENTHUB_CONSUMER_GROUP": CONSUMER_GROUP,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


class Process:
    """A command of ours, and what it has said."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen([COMMAND, *arguments], stdout=file, stderr=file)

    def said(self) -> str:
        return self._log.read_text()

    def end(self, number: signal.Signals) -> int:
        self._process.send_signal(number)
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def wait_until(happened: Callable[[], object], processes: list[Process]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, "\n".join(process.said()[-3000:] for process in processes)
        time.sleep(0.5)


@pytest.mark.usefixtures("environment")
def test_totals_are_exact_though_one_of_two_consumers_is_killed_on_the_way(
    database: "Database", tmp_path: Path
) -> None:
    recipe: tuple[str, ...] = ("produce", "--events", str(EVENTS), "--seed", "7", "--span", "2h", "--malformed", "0.01")
    recipe += ("--end", datetime.now(UTC).isoformat(timespec="seconds"))
    source = tmp_path / "events.ndjson"
    subprocess.run([COMMAND, *recipe, "--output", source], check=True, capture_output=True)
    consume = ("consume", "--health-port", "0", "--batch-size", "200", "--balancing", "1", "--ownership", "6")
    with ExitStack() as stack:
        victim, survivor = (Process(tmp_path / name, *consume) for name in ("victim", "survivor"))
        both = [victim, survivor]
        for process in both:
            stack.callback(process.close)
        producer = Process(tmp_path / "producer", *recipe, "--to", "eventhub", "--rate", "1500")
        stack.callback(producer.close)
        wait_until(lambda: all(" delivered=" in process.said() for process in both), [*both, producer])
        victim.end(signal.SIGKILL)
        assert len(rows_of(database)) < EVENTS * 0.9, "killed too late to show anything"
        wait_until(lambda: taken(database, source), [survivor, producer])
        assert "not taken" not in producer.said()
        assert survivor.end(signal.SIGTERM) == 0
        assert survivor.said().count("given up: SHUTDOWN") == survivor.said().count(" owned") - lost(survivor)
    checks = books(database, source)
    assert [check for check in checks if not check.holds] == []
    assert checks[0].left == EVENTS


@pytest.mark.usefixtures("environment")
def test_marked_events_through_the_hub_are_found_everywhere(tmp_path: Path) -> None:
    with ExitStack() as stack:
        consumer = Process(tmp_path / "consumer", "consume", "--health-port", "0", "--balancing", "1")
        stack.callback(consumer.close)
        smoke = [COMMAND, "smoke", "--events", "200", "--deadline", str(PATIENCE), "--json"]
        done = subprocess.run(smoke, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr + consumer.said()
        assert consumer.end(signal.SIGTERM) == 0
    report = json.loads(done.stdout)
    assert report["complete"]
    assert {found["events"] for found in report["places"].values()} == {200}


@pytest.mark.usefixtures("environment")
def test_a_hub_that_nobody_consumes_fails_the_smoke_test_in_time() -> None:
    smoke = [COMMAND, "smoke", "--events", "3", "--deadline", "5"]
    done = subprocess.run(smoke, check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "archive: WRONG: 0 events" in done.stdout


def lost(process: Process) -> int:
    return process.said().count("given up: OWNERSHIP_LOST")


def rows_of(database: "Database") -> list[tuple[object, ...]]:
    with psycopg.connect(database.migrator_dsn) as connection:
        return connection.execute("SELECT event_id FROM ingested_events").fetchall()


def taken(database: "Database", source: Path) -> bool:
    return bool(rows_of(database)) and all(check.holds for check in books(database, source))


def books(database: "Database", source: Path) -> list[Check]:
    settings = StorageSettings.load()
    with psycopg.connect(database.migrator_dsn) as connection:
        return check_books(source, open_archive(settings), connection)
