"""`payments produce`: the same recipe gives the same bytes, the shares hold, and what is malformed is exactly that."""

import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from payments.main import app
from payments.produce.clock import rfc3339
from payments.produce.malformed import CATALOGUE
from payments.produce.stream import Counts, Recipe, lines
from payments.produce.traffic import Traffic
from payments_core.errors import ErrorCode
from payments_core.event import Rejection, Transaction
from payments_core.normalize import normalize
from payments_core.rules import load_rules

END = datetime(2026, 11, 23, 20, tzinfo=UTC)
RECIPE = Recipe(events=4_000, seed=7, end=END, span=timedelta(hours=2))
RULES = load_rules((files("payments_core") / "metrics.toml").read_text())

# Every kind of the catalogue, and what the core must find wrong with it.
VERDICTS = {
    "truncated": ErrorCode.NOT_JSON,
    "empty_object": ErrorCode.FIELD_MISSING,
    "missing_transaction_id": ErrorCode.FIELD_MISSING,
    "unknown_currency": ErrorCode.CURRENCY_UNKNOWN,
    "amount_too_fine": ErrorCode.AMOUNT_TOO_FINE,
    "time_not_rfc3339": ErrorCode.TIMESTAMP_INVALID,
    "amount_wrong_type": ErrorCode.FIELD_WRONG_TYPE,
    "not_utf8": ErrorCode.NOT_UTF8,
    "amount_nan": ErrorCode.NOT_JSON,
    "time_in_future": ErrorCode.TIMESTAMP_OUT_OF_RANGE,
    "missing_amount": ErrorCode.FIELD_MISSING,
    "not_json": ErrorCode.NOT_JSON,
    "array": ErrorCode.NOT_AN_OBJECT,
    "json_in_text": ErrorCode.NOT_AN_OBJECT,
    "null_currency": ErrorCode.FIELD_MISSING,
    "blank_payment_method": ErrorCode.TEXT_EMPTY,
    "amount_in_words": ErrorCode.AMOUNT_INVALID,
    "amount_too_large": ErrorCode.AMOUNT_OUT_OF_RANGE,
    "time_without_offset": ErrorCode.TIMESTAMP_WITHOUT_OFFSET,
    "time_in_1970": ErrorCode.TIMESTAMP_OUT_OF_RANGE,
    "missing_occurred_at": ErrorCode.FIELD_MISSING,
    "correlation_id_no_uuid": ErrorCode.UUID_INVALID,
    "event_id_no_uuid": ErrorCode.EVENT_ID_WITHOUT_SOURCE,
    "transaction_id_too_long": ErrorCode.TEXT_TOO_LONG,
    "nul_in_text": ErrorCode.TEXT_NOT_STORABLE,
    "envelope_without_source": ErrorCode.ENVELOPE_INVALID,
    "too_deep": ErrorCode.JSON_TOO_DEEP,
}


def produced(**changes: Any) -> tuple[list[bytes], Counts]:
    counts = Counts()
    return list(lines(replace(RECIPE, **changes), counts)), counts


def normalized(produced_lines: Iterable[bytes]) -> list[Transaction | Rejection]:
    return [normalize(index, line[:-1], END, RULES) for index, line in enumerate(produced_lines)]


def transactions(produced_lines: Iterable[bytes]) -> list[Transaction]:
    found = normalized(produced_lines)
    assert [verdict for verdict in found if isinstance(verdict, Rejection)] == []
    return [verdict for verdict in found if isinstance(verdict, Transaction)]


def payments(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["produce", *arguments])
    assert result.exit_code == status, result.output
    return result.stderr if status else result.stdout


def test_the_same_recipe_gives_the_same_bytes() -> None:
    changes = {"late": 0.1, "duplicates": 0.1, "malformed": 0.1}
    assert produced(**changes) == produced(**changes)


@pytest.mark.parametrize("change", [{"seed": 8}, {"end": END + timedelta(seconds=1)}, {"events": 4_001}])
def test_two_recipes_share_no_event_id(change: dict[str, Any]) -> None:
    """Else two files would hold one id for two events, and the second event would be refused as a conflict."""
    first, second = transactions(produced()[0]), transactions(produced(**change)[0])
    assert {event.event_id for event in first}.isdisjoint(event.event_id for event in second)


def test_every_line_is_a_valid_event_unless_it_is_malformed() -> None:
    events = transactions(produced(late=0.2)[0])
    assert len({event.event_id for event in events}) == RECIPE.events
    assert {"amount", "fee_amount", "processing_time_ms", "risk_score"} == {
        m for event in events for m in event.metrics
    }
    assert sum(event.unusable_metrics for event in events) == 0


def test_events_come_in_the_shapes_that_real_senders_use() -> None:
    bodies = [json.loads(line, parse_float=Decimal) for line in produced()[0]]
    events = [body.get("data", body) for body in bodies]
    envelopes = [body for body in bodies if body.get("specversion") == "1.0"]
    assert 0.03 < len(envelopes) / len(bodies) < 0.09
    assert all({"id", "source", "type", "time", "data"} <= set(envelope) for envelope in envelopes)
    assert {type(event["amount"]) for event in events} >= {str, Decimal}
    assert any("event_id" not in body for body in bodies)
    assert any("correlation_id" not in event for event in events)
    assert any(not json.dumps(event, ensure_ascii=False, default=str).isascii() for event in events)
    times = [event.get("occurred_at") or body["time"] for event, body in zip(events, bodies, strict=True)]
    assert {"Z", "+05:30", "-05:00"} <= {time[23:] for time in times}


def test_amounts_have_the_decimals_of_their_currency() -> None:
    written: dict[str, set[int]] = {}
    for line in produced()[0]:
        body = json.loads(line, parse_float=str, parse_int=str)
        event = body.get("data", body)
        written.setdefault(event["currency"], set()).add(len(event["amount"].partition(".")[2]))
    assert written["JPY"] == {0}
    assert written["KWD"] == written["BHD"] == {3}
    assert written["EUR"] == {2}


def test_amounts_are_spread_as_a_log_normal_is_and_some_are_zero_or_negative() -> None:
    euros = sorted(
        event.amount for event in transactions(produced()[0]) if event.currency == "EUR" and event.amount > 0
    )
    median, high = euros[len(euros) // 2], euros[len(euros) * 95 // 100]
    assert Decimal(25) < median < Decimal(45)
    assert high > 3 * median
    assert {-1, 0, 1} == {int(event.amount.compare(0)) for event in transactions(produced()[0])}


def test_a_transaction_goes_through_its_life_in_order() -> None:
    lives: dict[str, list[Transaction]] = {}
    for event in transactions(produced(late=0.1)[0]):
        lives.setdefault(event.transaction_id, []).append(event)
    for life in lives.values():
        assert all(before.occurred_at < after.occurred_at for before, after in itertools.pairwise(life))
        assert len({(event.merchant_id, event.currency, event.payment_method) for event in life}) == 1
    stories = Counter(tuple(event.payment_status for event in life) for life in lives.values())
    assert stories["authorized", "captured", "settled"] > 100
    assert stories["failed",] > 50
    assert any("refunded" in story for story in stories)


def test_events_happen_within_the_span_and_late_ones_hours_to_days_before() -> None:
    start = END - RECIPE.span - timedelta(minutes=2)  # a sender's delay goes up to a minute
    on_time = transactions(produced()[0])
    assert all(start <= event.occurred_at <= END for event in on_time)
    everything, counts = produced(late=0.25)
    late = [event for event in transactions(everything) if event.occurred_at < start]
    assert 0.22 < counts.late / RECIPE.events < 0.28
    assert 0.8 * counts.late < len(late) <= counts.late  # an hour late at the end of the span lies within it
    assert min(event.occurred_at for event in late) > END - timedelta(days=7)


def test_duplicates_repeat_earlier_lines_and_a_few_conflict() -> None:
    everything, counts = produced(duplicates=0.2)
    seen: dict[str, bytes] = {}
    repeated = conflicting = 0
    for event, line in zip(transactions(everything), everything, strict=True):
        repeated += event.event_id in seen
        conflicting += seen.setdefault(event.event_id, line) != line
    assert (repeated, conflicting) == (counts.duplicates, counts.conflicting)
    assert 0.18 < repeated / RECIPE.events < 0.22
    assert 0.02 < conflicting / repeated < 0.08


def test_the_share_of_malformed_lines_holds_and_every_kind_comes_up() -> None:
    everything, counts = produced(malformed=0.1)
    rejected = [verdict for verdict in normalized(everything) if isinstance(verdict, Rejection)]
    assert 0.08 < counts.malformed / RECIPE.events < 0.12
    assert len(rejected) == counts.malformed
    assert {verdict.code for verdict in rejected} == set(VERDICTS.values())


def test_the_catalogue_has_a_verdict_for_every_kind() -> None:
    assert set(CATALOGUE) == set(VERDICTS)


@pytest.mark.parametrize("kind", CATALOGUE)
def test_a_malformed_kind_is_rejected_for_its_own_reason(kind: str) -> None:
    traffic = Traffic(Random(1), events=1_000)  # noqa: S311 - invented data
    for _ in range(50):  # some of them in an envelope
        body = CATALOGUE[kind](traffic.event(1_700_000_000_000, late=False))
        verdict = normalize(0, body, END, RULES)
        assert isinstance(verdict, Rejection)
        assert verdict.code == VERDICTS[kind]


def test_a_line_has_one_line_feed_and_that_at_its_end() -> None:
    everything, counts = produced(malformed=0.3, duplicates=0.2)
    assert all(line.find(b"\n") == len(line) - 1 for line in everything)
    assert counts.bytes == sum(map(len, everything))


def test_an_event_has_about_529_bytes() -> None:
    """The size that the throughput figures of the documentation are about."""
    _, counts = produced(events=20_000)
    assert 520 < counts.bytes / counts.events < 540


def test_memory_does_not_grow_with_the_number_of_events() -> None:
    script = (
        "import resource; from datetime import *; from payments.produce.stream import *\n"
        "def peak(events):\n"
        "    recipe = Recipe(events, 1, datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=2), 0.1, 0.1, 0.1)\n"
        "    for line in lines(recipe, Counts()): pass\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(peak(20_000), peak(120_000))"
    )
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    small, large = map(int, output.split())
    assert large < small * 1.1


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (None, "2026-02-28T23:59:59.007Z"),
        (60, "2026-03-01T00:59:59.007+01:00"),
        (-210, "2026-02-28T20:29:59.007-03:30"),
    ],
)
def test_times_are_written_in_the_senders_offset(offset: int | None, text: str) -> None:
    moment = datetime(2026, 2, 28, 23, 59, 59, 7_000, tzinfo=UTC)
    assert rfc3339(round(moment.timestamp() * 1000), offset) == text
    assert datetime.fromisoformat(text) == moment


def test_the_command_writes_a_file_and_reports_in_json(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    options = ["--events", "300", "--seed", "3", "--end", "2026-11-23T21:00:00+01:00", "--span", "30m", "--json"]
    report = json.loads(payments(*options, "--output", str(file)))
    recipe = Recipe(300, 3, END, timedelta(minutes=30), late=0.02, duplicates=0.01, malformed=0.001)
    expected = Counts()
    assert file.read_bytes() == b"".join(lines(recipe, expected))
    assert report == asdict(expected) | {"seed": 3, "end": "2026-11-23T20:00:00Z", "span": "1800s"}


def test_the_command_writes_to_standard_output_what_it_would_write_to_a_file(tmp_path: Path) -> None:
    options = ["--events", "50", "--seed", "3", "--end", "2026-11-23T20:00:00Z"]
    payments(*options, "--output", str(tmp_path / "events.ndjson"))
    assert payments(*options).encode() == (tmp_path / "events.ndjson").read_bytes()


def test_a_rate_paces_the_lines_and_their_events_happen_now() -> None:
    before = datetime.now(UTC)
    started = time.monotonic()
    output = payments("--events", "40", "--rate", "100", "--late", "0", "--malformed", "0")
    assert time.monotonic() - started > 0.3
    after = datetime.now(UTC)
    for line in output.splitlines():
        body = json.loads(line)
        moment = datetime.fromisoformat(body.get("time") or body["occurred_at"])
        assert before - timedelta(minutes=2) < moment < after + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--span", "soon"], "30m"),
        (["--span", "0h"], "30m"),
        (["--end", "2026-01-31T12:00:00"], "offset"),
        (["--end", "yesterday"], "offset"),
        (["--duplicates", "0.6", "--malformed", "0.6"], "together at most 1"),
        (["--late", "2"], "--late"),
        (["--json"], "--output"),
    ],
)
def test_wrong_usage_is_explained(options: list[str], message: str) -> None:
    assert message in payments(*options, status=2)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    assert "No such file or directory" in payments("--output", str(tmp_path / "no" / "events.ndjson"), status=1)
