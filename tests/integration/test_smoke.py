"""`payments smoke`, with the function fed in place of the hub: what it says when all is there, and when it is not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pytest

from payments.commands.smoke import Proof, _as_json, prove
from payments.errors import UserError
from payments_storage.settings import StorageSettings
from payments_storage.smoke import SmokeEvents, Total

from .events import messages
from .system import System

if TYPE_CHECKING:
    from conftest import Database

Send = Callable[[list[bytes]], None]


@pytest.fixture
def reader(system: System, database: "Database") -> StorageSettings:
    """What the job in Azure may: it reads as payments_reader."""
    values = system.settings.model_dump()
    return StorageSettings.load(**values | {"postgres_dsn": database.analyst_dsn})


def run(reader: StorageSettings, send: Send, count: int = 40, deadline: float = 60) -> Proof:
    return prove(SmokeEvents("0a1b2c3d", count, datetime.now(UTC)), reader, send, deadline)


def through(system: System, parts: int = 1) -> Send:
    def send(lines: list[bytes]) -> None:
        for part in range(parts):
            system.deliver(messages(lines[part::parts]), partition=str(part))

    return send


def test_events_that_arrived_are_found_in_every_table_and_in_the_archive(
    system: System, reader: StorageSettings
) -> None:
    proof = run(reader, through(system, parts=3))
    assert proof.complete, _as_json(proof)
    assert {*proof.places} == {
        "ingested_events", "dynamic_metrics", "payment_metrics_5m", "archive",
        *(f"aggregate_histograms {length}" for length in ("0:01:00", "0:05:00", "1:00:00", "1 day, 0:00:00")),
    }  # fmt: skip
    assert json.loads(json.dumps(_as_json(proof)))["missing"] == []


def test_two_runs_at_once_and_other_traffic_do_not_disturb_each_other(system: System, reader: StorageSettings) -> None:
    moment = datetime.now(UTC)
    others = [SmokeEvents("ffffffff", 7, moment).lines()[0].replace(b"smoke.", b"card_").replace(b"XTS", b"EUR")]

    def send(lines: list[bytes]) -> None:
        system.deliver(messages([*others, *SmokeEvents("ffffffff", 30, moment).lines(), *lines]))

    assert prove(SmokeEvents("0a1b2c3d", 20, moment), reader, send, 60).complete


def test_one_that_is_missing_is_missed_everywhere(system: System, reader: StorageSettings) -> None:
    proof = run(reader, lambda lines: through(system)(lines[1:]), deadline=3)
    assert not proof.complete
    assert {*proof.missing} == {*proof.places}
    assert {found.events for found in proof.places.values()} == {39}


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        ("DELETE FROM dynamic_metrics WHERE transaction_id = 'smoke-0a1b2c3d-3'", "dynamic_metrics"),
        ("UPDATE payment_metrics_5m SET total_amount = total_amount + 0.000000001", "payment_metrics_5m"),
        (
            "UPDATE aggregate_histograms SET sum_value = 0 WHERE time_window_end - time_window_start = '1 hour'",
            "aggregate_histograms 1:00:00",
        ),
        ("DELETE FROM raw_event_files", "archive"),
        ("DELETE FROM ingested_events WHERE ctid = (SELECT min(ctid) FROM ingested_events)", "ingested_events"),
    ],
)
def test_what_is_wrong_in_one_place_is_named(system: System, reader: StorageSettings, damage: str, place: str) -> None:
    def send(lines: list[bytes]) -> None:
        through(system)(lines)
        system.owner_does(damage)

    assert {*run(reader, send, deadline=3).missing} == {place}


def test_what_was_counted_twice_ends_the_wait_at_once(system: System, reader: StorageSettings) -> None:
    def send(lines: list[bytes]) -> None:
        through(system)(lines)
        system.owner_does("UPDATE payment_metrics_5m SET total_count = total_count + 1")

    proof = run(reader, send)
    assert proof.hopeless
    assert proof.seconds < 30
    assert [*proof.missing] == ["payment_metrics_5m"]


def test_refused_events_end_the_wait_at_once_and_are_named_by_their_code(
    system: System, reader: StorageSettings
) -> None:
    proof = run(reader, lambda lines: through(system)([line.replace(b"XTS", b"XXY") for line in lines]))
    assert proof.refused == {"currency_unknown": 40}
    assert not proof.complete


def test_nothing_is_sent_when_the_tables_cannot_be_read(reader: StorageSettings) -> None:
    away = reader.model_dump() | {"postgres_dsn": "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2"}

    def send(_lines: list[bytes]) -> None:
        raise AssertionError("sent")

    with pytest.raises(UserError, match="Nothing was sent"):
        run(StorageSettings.load(**away), send)


def test_reports_leave_the_marked_events_out_by_their_currency(system: System, reader: StorageSettings) -> None:
    """docs/deploy.md says so."""
    run(reader, through(system))
    with psycopg.connect(system.database.analyst_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM payment_metrics_5m WHERE currency <> 'XTS'").fetchall() == [
            (0,)
        ]


def test_amounts_use_every_digit_that_money_has() -> None:
    assert str(SmokeEvents("0a1b2c3d", 3, datetime.now(UTC)).total.amount) == "6.000000006"


def test_a_sum_that_is_off_by_the_last_digit_is_not_the_same() -> None:
    assert not Total(3, Decimal("6.000000005")).is_all_of(Total(3, Decimal("6.000000006")))
