"""Neither a payload nor a secret is in anything that is written while everything fails that can fail.

Written is: every logger at DEBUG, the tracebacks of what is raised with their causes, standard output and error, the
messages in failed_items, the notes of dead letters, and the logs of PostgreSQL and Azurite.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.integration.events import DAY, NOT_JSON, TODAY, Bad, Message, body, messages
from tests.integration.system import System

from payments.local.azurite import Azurite
from payments.local.postgres import SUPERUSER, PostgresServer
from payments_storage import unit_of_work
from payments_storage.errors import PermanentStorageError, TransientStorageError
from payments_storage.reconcile.reconcile import Kept
from payments_storage.reconcile.watch import watch

from .conftest import OpenSystem
from .everything_written import EverythingWritten, everything_written
from .fault_proxy import FaultProxy
from .faulty_connection import Answer, Fault

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

HOUR: Final = timedelta(hours=1)
MARK: Final = "xmarkedx"
WRONG_KEY: Final = base64.b64encode(b"a marked account key, which is wrong").decode()
WRONG_PASSWORD: Final = "marked-password-which-is-wrong"


def marked(number: int, **changes: Any) -> bytes:
    """An event whose every free text is marked."""
    texts = {name: f"{MARK}-{name}-{number}" for name in ("transaction_id", "merchant_id", "customer_id", "note")}
    return body(number, **{**texts, **changes})


def batch(number: int) -> list[Message]:
    """Good ones, broken ones of each stage, and a conflict; their numbers are never used again."""
    first = number * 8
    contents: list[bytes | tuple[bytes, Bad]] = [
        marked(first),
        (b'{"transaction_id": "' + MARK.encode(), NOT_JSON),
        marked(first + 1, amount=f"{MARK} euros"),
        marked(first + 2, correlation_id=MARK),
        marked(first),
        marked(first, amount="77.00"),
        marked(first + 3, occurred_at=MARK),
        marked(first + 4, amount="950.00"),
    ]
    return messages(contents, first=first)


@pytest.fixture
def written(
    postgres_server: PostgresServer, azurite: Azurite, capfd: pytest.CaptureFixture[str]
) -> Iterator[EverythingWritten]:
    """Afterwards nothing of what was written has a mark, a password, a key or a token."""
    with everything_written([postgres_server.log, azurite.log]) as written:
        yield written
    text = "\n".join([written.text(), *capfd.readouterr()])
    assert len(written.lines) > 5, "nothing was written: this proves nothing"
    (key,) = re.findall("AccountKey=([^;]+)", azurite.connection_string)
    for what, secret in {
        "payload": MARK,
        "password": postgres_server.password,
        "account key": key,
        "wrong key": WRONG_KEY,
        "wrong password": WRONG_PASSWORD,
    }.items():
        found = [line for line in text.splitlines() if secret in line]
        assert not found, f"{what} in: {found[:3]}"


def notes(system: System) -> list[str]:
    """What people and machines read of failures: without the columns that are there for the payload and the ids."""
    items = system.rows("SELECT concat(stage, error_code, message, detail, resolution) FROM failed_items")
    letters = [letter.name for letter in system.runtime.pipeline.dead_letters.pending()]
    return [*(text for (text,) in items), *letters]


def test_when_postgresql_refuses_events_and_tables_are_missing(system: System, written: EverythingWritten) -> None:
    """PostgreSQL's DETAIL quotes the row."""
    system.owner_does("ALTER TABLE dynamic_metrics ADD CONSTRAINT small CHECK (metric_value < 900)")
    system.deliver(batch(0))
    system.owner_does("ALTER TABLE ingested_events ADD CONSTRAINT odd CHECK (event_id::text NOT LIKE '%a0000008')")
    system.deliver(batch(1))
    written.lines += notes(system)
    system.owner_does("ALTER TABLE raw_event_files RENAME TO hidden")
    with written.raising(PermanentStorageError):
        system.deliver(batch(2))
    system.owner_does("ALTER TABLE hidden RENAME TO raw_event_files")
    system.owner_does("ALTER TABLE failed_items ADD CONSTRAINT nothing CHECK (stage <> 'validate') NOT VALID")
    with written.raising(PermanentStorageError):
        system.deliver(batch(3))


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.HALF_CLOSE, Fault.BLACKHOLE])
def test_when_the_connection_to_postgresql_fails_in_mid_copy_and_the_letter_comes_back(
    open_system: OpenSystem, postgres_way: FaultProxy, written: EverythingWritten, fault: Fault
) -> None:
    system = open_system(retry_budget_seconds=1)
    with postgres_way.doing(fault, lambda message: message.to_server and message.kind in "dc", times=None):
        assert system.deliver(batch(0)).dead_lettered == 8
    container = system.runtime.pipeline.dead_letters._container
    container.upload_blob("pending/0_unreadable.parquet", marked(0))
    written.lines += notes(system)
    postgres_way.cut_all()
    assert system.runtime.pipeline.redrive.run(30).unreadable == 1
    written.lines += notes(system)


@pytest.mark.parametrize("fault", [Answer(503), Answer(403), Fault.CUT, Fault.HALVE], ids=str)
def test_when_blob_storage_fails_and_the_archive_files_follow(
    open_system: OpenSystem, blob_way: FaultProxy, written: EverythingWritten, fault: Answer | Fault
) -> None:
    system = open_system(retry_budget_seconds=1)
    with blob_way.doing(fault, lambda message: message.kind == "PUT", times=None):
        if fault == Answer(403):
            with written.raising(PermanentStorageError):
                system.deliver(batch(0))
        else:
            assert system.deliver(batch(0)).deferred == 2
            written.lines += notes(system)
            system.owner_does("UPDATE failed_items SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
            system.runtime.pipeline.redrive.run(30)
            written.lines += notes(system)


def test_when_reconcile_finds_every_table_damaged(system: System, written: EverythingWritten) -> None:
    system.deliver(batch(0))
    for table in ("dynamic_metrics", "ingested_events", "payment_metrics_5m", "aggregate_histograms"):
        system.owner_does(f"DELETE FROM {table}")  # noqa: S608 - ours
    findings = watch(system.runtime.pipeline, Kept(8, 90), TODAY + DAY + 2 * HOUR)
    assert findings is not None
    assert {name for name, check in findings.checks.items() if check.count} == {
        *("index", "metrics", "payments", "histograms"),
    }
    assert any("differ (metric_missing)" in line for line in written.lines)


def test_when_both_are_away(
    open_system: OpenSystem, postgres_way: FaultProxy, blob_way: FaultProxy, written: EverythingWritten
) -> None:
    system = open_system(retry_budget_seconds=1)
    with (
        postgres_way.doing(Fault.CUT, lambda _: True, times=None),
        blob_way.doing(Fault.CUT, lambda _: True, times=None),
        written.raising(TransientStorageError),
    ):
        system.deliver(batch(0))


@pytest.mark.usefixtures("written")
def test_when_the_password_is_wrong(database_behind: "Database", archive_behind: "ArchiveContainer") -> None:
    right = conninfo_to_dict(database_behind.dsn)["password"]
    wrong = replace(database_behind, dsn=database_behind.dsn.replace(str(right), WRONG_PASSWORD))
    with System(wrong, archive_behind, retry_budget_seconds=1) as system:
        system.runtime.pipeline.pool.timeout = 1
        assert system.deliver(batch(0)).dead_lettered == 8


def test_when_the_account_key_is_wrong(
    database_behind: "Database", archive_behind: "ArchiveContainer", written: EverythingWritten
) -> None:
    connection_string = re.sub("AccountKey=[^;]+", f"AccountKey={WRONG_KEY}", archive_behind.connection_string)
    with (
        System(database_behind, replace(archive_behind, connection_string=connection_string)) as system,
        written.raising(PermanentStorageError),
    ):
        system.deliver(batch(0))


@pytest.mark.parametrize("stage", ["extract_metrics", "aggregate_payments"])
def test_when_our_own_code_fails_on_an_event_and_quotes_it(
    system: System, written: EverythingWritten, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """No real fault brings this about on demand, so this one is put in."""

    def fail(events: Any, *_: object) -> None:
        raise ValueError(json.dumps(events.to_pylist(), default=str) + MARK)

    monkeypatch.setattr(unit_of_work, stage, fail)
    assert system.deliver(batch(0)).failed == 8
    written.lines += notes(system)


def test_the_check_itself_sees_what_a_server_writes(postgres_server: PostgresServer, azurite: Azurite) -> None:
    """The server's log does get what is sent to it in a message of its own."""
    with (
        everything_written([postgres_server.log, azurite.log]) as written,
        psycopg.connect(postgres_server.dsn(SUPERUSER, "postgres")) as connection,
        pytest.raises(psycopg.errors.UndefinedTable),
    ):
        connection.execute(f"SELECT FROM {MARK}".encode())
    assert MARK in written.text()
