"""Rejections: every code can be reached, and what they say is for a person and never gives a value away."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings

from payments_core.errors import ErrorCode, Stage
from payments_core.event import Rejection
from payments_core.normalize import normalize

from .examples import ENQUEUED, ORDINARY, RULES, body, envelope, event, outcome, refused, written
from .nasty import bodies

EXAMPLES: dict[ErrorCode, tuple[bytes, str | None]] = {
    ErrorCode.EMPTY_BODY: (b"", None),
    ErrorCode.NOT_UTF8: (b"\xff", None),
    ErrorCode.NOT_JSON: (b"{", None),
    ErrorCode.JSON_TOO_DEEP: (b"[" * 101 + b"1" + b"]" * 101, None),
    ErrorCode.NOT_AN_OBJECT: (b"[]", None),
    ErrorCode.ENVELOPE_INVALID: (envelope([]), "data"),
    ErrorCode.FIELD_MISSING: (body("payment_method"), "payment_method"),
    ErrorCode.FIELD_WRONG_TYPE: (body(payment_method=True), "payment_method"),
    ErrorCode.TEXT_EMPTY: (body(payment_status=""), "payment_status"),
    ErrorCode.TEXT_TOO_LONG: (body(merchant_id="x" * 256), "merchant_id"),
    ErrorCode.TEXT_NOT_STORABLE: (body(customer_id="a\0b"), "customer_id"),
    ErrorCode.TIMESTAMP_INVALID: (body(occurred_at="noon"), "occurred_at"),
    ErrorCode.TIMESTAMP_WITHOUT_OFFSET: (body(occurred_at="2026-01-31T12:00:00"), "occurred_at"),
    ErrorCode.TIMESTAMP_OUT_OF_RANGE: (body(occurred_at="1999-01-01T00:00:00Z"), "occurred_at"),
    ErrorCode.AMOUNT_INVALID: (body(amount="a lot"), "amount"),
    ErrorCode.AMOUNT_OUT_OF_RANGE: (body(amount="1e18"), "amount"),
    ErrorCode.AMOUNT_TOO_FINE: (body(amount="0.001"), "amount"),
    ErrorCode.CURRENCY_UNKNOWN: (body(currency="XYZ"), "currency"),
    ErrorCode.UUID_INVALID: (body(correlation_id="c-1"), "correlation_id"),
    ErrorCode.EVENT_ID_WITHOUT_SOURCE: (body(event_id="e-1"), "event_id"),
}
DECODING = {"empty_body", "not_utf8", "not_json", "json_too_deep", "not_an_object"}


def test_each_code_has_an_example() -> None:
    """Of those that a body alone can bring about; the others need another event, or a store that refuses or is away."""
    others = {"conflicting_duplicate", "refused_by_database", "not_processable", "archive_unavailable"}
    assert set(EXAMPLES) == set(ErrorCode) - {*others, "redrive_exhausted"}


@pytest.mark.parametrize("code", EXAMPLES)
def test_a_rejection_has_its_code_its_stage_and_its_field(code: ErrorCode) -> None:
    text, field = EXAMPLES[code]
    rejection = refused(text)
    assert (rejection.code, rejection.field) == (code, field)
    assert rejection.stage is (Stage.DECODE if code.value in DECODING else Stage.VALIDATE)


def test_codes_and_stages_keep_their_names() -> None:
    """Alerts and replays are written against them: add codes, never rename one."""
    assert {code.value for code in ErrorCode} >= {code.name.lower() for code in EXAMPLES} | {"conflicting_duplicate"}
    assert all(code.value == code.name.lower() and code.meaning for code in ErrorCode)
    stages = ["decode", "validate", "claim", "metrics", "serialize", "archive", "aggregate"]
    assert [stage.value for stage in Stage] == stages


def test_a_rejection_says_where_in_the_delivery_its_event_stands() -> None:
    rejection = normalize(17, b"", ENQUEUED, RULES)
    assert isinstance(rejection, Rejection)
    assert rejection.index == 17


def test_the_first_wrong_field_is_named() -> None:
    assert refused(body(transaction_id="", amount="x", currency="y")).field == "transaction_id"


def assert_for_a_person(rejection: Rejection) -> None:
    message = rejection.message
    assert message.isprintable()
    assert 10 < len(message) < 140
    assert not message.endswith(".")
    assert rejection.field is None or rejection.field in message


@pytest.mark.parametrize("code", EXAMPLES)
def test_a_message_is_one_short_line_that_names_the_field(code: ErrorCode) -> None:
    assert_for_a_person(refused(EXAMPLES[code][0]))


SECRET = "4111111111111111"
SECRETS: list[Any] = [SECRET, f" {SECRET}\0", f"{SECRET}\ud800", SECRET * 20, SECRET * 5000, [SECRET], {SECRET: SECRET}]


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
@pytest.mark.parametrize(
    "field", [*ORDINARY, "event_id", "correlation_id", "merchant_id", "customer_id", "specversion", "data"]
)
def test_a_message_never_quotes_a_value(field: str, secret: Any) -> None:
    """Messages go to logs and tickets; card numbers turn up in any field."""
    texts = [json.dumps(event(**{field: secret})), json.dumps({"specversion": "1.0", "data": {}} | {field: secret})]
    texts += [json.dumps(event(data={}) | {"specversion": "1.0", "id": secret, "source": secret})]
    for text in (*texts, texts[0][:-1], texts[0].replace(SECRET, SECRET + "\t"), f"{SECRET} {texts[0]}"):
        result = outcome(text.encode())
        if isinstance(result, Rejection):
            assert SECRET[:6] not in result.message
            assert_for_a_person(result)


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from leaves(child)
    elif isinstance(value, str) and len(value) > 4:
        yield value


@settings(max_examples=300)
@given(bodies())
def test_whatever_comes_the_message_is_for_a_person_and_quotes_nothing(text: bytes) -> None:
    result = normalize(0, text, ENQUEUED, RULES)
    if not isinstance(result, Rejection):
        return
    assert_for_a_person(result)
    try:
        values = list(leaves(json.loads(text)))
    except (ValueError, RecursionError):
        return
    assert not [value for value in values if value in result.message]


@pytest.mark.parametrize(
    ("field", "value"), list(product(["transaction_id", "amount", "occurred_at"], ["true", "{}", "[]"]))
)
def test_a_wrong_type_is_named_in_the_words_of_json(field: str, value: str) -> None:
    words = {"true": "a boolean", "{}": "an object", "[]": "an array"}
    assert refused(written(**{field: value})).message.endswith(f"not {words[value]}")
