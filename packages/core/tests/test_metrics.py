"""Metric values: found at their path, rounded, counted where they are no numbers, admitted by `when`."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from payments_core.batch import Parser
from payments_core.metrics import METRIC_SCHEMA, extract_metrics
from payments_core.rules import load_rules

from .examples import RULES, body, deliver, envelope, event, parse, taken, written


def extracted(*bodies: bytes, toml: str | None = None) -> list[dict[str, Any]]:
    parser = Parser(load_rules(toml) if toml else RULES)
    table = extract_metrics(parse(deliver(*bodies), parser).events, parser.rules)
    table.validate(full=True)
    assert table.schema.equals(METRIC_SCHEMA)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def values(*bodies: bytes, toml: str | None = None) -> list[tuple[str, str, Decimal, str | None]]:
    rows = extracted(*bodies, toml=toml)
    return [(row["transaction_id"], row["metric_type"], row["metric_value"], row["unit"]) for row in rows]


def test_each_rule_whose_field_is_there_gives_one_row() -> None:
    first = body(transaction_id="t1", fee_amount="0.25", processing_time_ms=31, risk_score=0.875, risk={"score": 5})
    second = body(transaction_id="t2", amount="7", currency="JPY", fee_amount=1)
    assert values(first, second) == [
        ("t1", "amount", Decimal("12.5"), "EUR"),
        ("t2", "amount", Decimal(7), "JPY"),
        ("t1", "fee_amount", Decimal("0.25"), "EUR"),
        ("t2", "fee_amount", Decimal(1), "JPY"),
        ("t1", "processing_time_ms", Decimal(31), "ms"),
        ("t1", "risk_score", Decimal("0.875"), None),
        ("t1", "score", Decimal(5), None),
    ]


def test_a_row_carries_what_its_tables_need_of_the_event() -> None:
    correlation = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
    row = extracted(body(correlation_id=correlation))[0]
    transaction = taken(body(correlation_id=correlation))
    assert (row["correlation_id"], row["event_type"], row["occurred_at"]) == (
        UUID(correlation).bytes,
        transaction.event_type,
        transaction.occurred_at,
    )


def test_no_events_and_no_rules_give_no_rows() -> None:
    assert extracted() == []
    assert extracted(body(), toml="metric = []") == []


@pytest.mark.parametrize(
    ("risk", "found"),
    [
        ('{"score": 5, "model": {"ms": 7}}', {"score": "5", "model_ms": "7"}),
        ('{"model": {"ms": "7.5"}}', {"model_ms": "7.5"}),
        ('{"model": {"MS": 7}}', {}),
        ('{"model": {}}', {}),
        ('{"model": 7}', {}),
        ('{"model": null}', {}),
        ("null", {}),
        ("[]", {}),
        ("5", {}),
        ('"score"', {}),
    ],
)
def test_a_path_leads_through_objects_only(risk: str, found: dict[str, str]) -> None:
    """Where the path ends early nothing is there, and nothing is counted as unusable."""
    transaction = taken(written(risk=risk))
    metrics = {name: value for name, value in transaction.metrics.items() if name != "amount"}
    assert metrics == {name: Decimal(value) for name, value in found.items()}
    assert transaction.unusable_metrics == 0


def test_in_an_envelope_paths_start_at_the_event() -> None:
    wrapped = envelope(event(fee_amount=1), fee_amount=99, risk={"score": 99})
    assert taken(wrapped).metrics == {"amount": Decimal("12.5"), "fee_amount": Decimal(1)}


@pytest.mark.parametrize("nothing", ["null", '""'])
def test_null_and_the_empty_text_are_no_value(nothing: str) -> None:
    transaction = taken(written(fee_amount=nothing))
    assert ("fee_amount" in transaction.metrics, transaction.unusable_metrics) == (False, 0)


UNUSABLE = [
    "true",
    "false",
    "{}",
    "[]",
    "[1]",
    '{"value": 1}',
    '"n/a"',
    '" "',
    '"1,5"',
    '" 1"',
    '".5"',
    '"NaN"',
    '"\\u0661"',
]
UNUSABLE += ["1e18", "-1e18", "1000000000000000000", '"1e18"', "1e999999999", "1e9999999999", '"\\u0000"', '"\\ud800"']


@pytest.mark.parametrize("value", UNUSABLE)
@pytest.mark.parametrize("currency", ["EUR", "eur"])
def test_an_unusable_value_is_counted_and_not_stored(value: str, currency: str) -> None:
    """The event itself is good, and its payload keeps the value. In lower case it goes the careful way."""
    text = written(fee_amount=value, risk=f'{{"score": {value}}}', currency=f'"{currency}"')
    batch = parse(deliver(text, body(risk_score=1)))
    assert batch.unusable_metrics == 2
    assert batch.events["metric:fee_amount"].to_pylist() == [None, None]
    assert batch.events["metric:score"].to_pylist() == [None, None]
    assert batch.events["metric:risk_score"].to_pylist() == [None, Decimal(1)]


def test_unusable_values_of_rejected_events_are_not_counted() -> None:
    assert parse(deliver(body(fee_amount="n/a", amount="x"), body(fee_amount="n/a", currency=""))).unusable_metrics == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1234567890", "0.123456789"),
        ("0.0000000005", "0"),
        ("0.0000000015", "0.000000002"),
        ("0.0000000025", "0.000000002"),
        ("0.00000000250000000000000000000000000001", "0.000000003"),
        ("-0.0000000015", "-0.000000002"),
        ("-0.0000000025", "-0.000000002"),
        ("-0.0000000004", "0"),
        ("1e-10", "0"),
        ("6e-10", "0.000000001"),
        ("1e-999999999", "0"),
        ("0e999999999", "0"),
        ("-0", "0"),
        ("999999999999999999.9999999994", "999999999999999999.999999999"),
        ("999999999999999999.9999999996", "1000000000000000000"),
        ("123456789012345678.12345678949", "123456789012345678.123456789"),
        ("0." + "3" * 500, "0.333333333"),
        ("1." + "0" * 500 + "1", "1"),
        ("12345e-3", "12.345"),
        ("1.5E3", "1500"),
    ],
)
def test_a_value_is_rounded_to_nine_decimals_half_to_even(text: str, value: str) -> None:
    for spelling in (text, f'"{text}"'):
        transaction = taken(written(fee_amount=spelling))
        assert transaction.metrics["fee_amount"] == Decimal(value)
        assert transaction.unusable_metrics == 0


def test_a_metric_over_the_amount_is_the_amount() -> None:
    toml = '[[metric]]\nname = "turnover"\nfield = "amount"\n'
    assert values(body(amount="0.10"), body(currency="eur"), toml=toml) == [
        ("tx-1001", "turnover", Decimal("0.1"), None),
        ("tx-1001", "turnover", Decimal("12.5"), None),
    ]


@pytest.mark.parametrize(
    ("when", "admitted"),
    [
        ('{ payment_status = "captured" }', ["t1", "t2"]),
        ('{ payment_status = ["captured", "settled"] }', ["t1", "t2", "t3"]),
        ('{ payment_status = ["captured", "settled"], payment_method = "card" }', ["t1", "t3"]),
        ('{ currency = "USD" }', ["t2"]),
        ('{ event_type = "payment.captured" }', ["t1", "t2", "t3"]),
        ('{ event_type = "refund" }', []),
        ("{ }", ["t1", "t2", "t3"]),
    ],
)
def test_when_admits_events_by_all_of_its_fields(when: str, admitted: list[str]) -> None:
    """The event's normalized fields are compared: `usd` is USD."""
    events = [
        body(transaction_id="t1"),
        body(transaction_id="t2", payment_method="sepa", currency="usd"),
        body(transaction_id="t3", payment_status="settled"),
    ]
    toml = f'[[metric]]\nname = "amount"\nfield = "amount"\nwhen = {when}\n'
    assert [transaction_id for transaction_id, *_ in values(*events, toml=toml)] == admitted


def test_metrics_of_some_of_the_events_can_be_had() -> None:
    """After the claim only the new events go on."""
    events = parse(deliver(body(transaction_id="t1"), body(transaction_id="t2"))).events
    table = extract_metrics(events.filter(pa.array([False, True])), RULES)
    assert table["transaction_id"].to_pylist() == ["t2"]
