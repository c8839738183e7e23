"""CloudEvents 1.0, structured mode: an envelope around the event, which says what the event does not."""

from dataclasses import replace
from typing import Any

import pytest

from payments_core.errors import ErrorCode, Stage

from .examples import body, deliver, envelope, event, parse, refused, taken, written

UUID_TEXT = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
TIME = "2026-01-31T10:00:00+02:00"


def test_the_event_in_an_envelope_is_the_event() -> None:
    wrapped = taken(envelope(event(merchant_id="m", fee_amount=1)))
    assert replace(wrapped, event_id="") == replace(taken(body(merchant_id="m", fee_amount=1)), event_id="")


def test_the_payload_is_the_whole_envelope() -> None:
    text = envelope(event(), traceparent="00-1", subject="a")
    assert parse(deliver(text)).events["event_payload"].to_pylist() == [text.decode()]


@pytest.mark.parametrize("missing", [None, ...])
def test_the_envelope_gives_type_and_time_where_the_event_has_none(missing: object) -> None:
    absent = event("event_type", "occurred_at")
    data = absent if missing is ... else absent | {"event_type": None, "occurred_at": None}
    found = taken(envelope(data, type="refund", time=TIME))
    assert found.event_type == "refund"
    assert found.occurred_at.isoformat() == "2026-01-31T08:00:00+00:00"


def test_what_the_event_says_itself_goes_before_the_envelope() -> None:
    found = taken(envelope(event(), type="refund", time=TIME))
    assert (found.event_type, found.occurred_at) == (taken(body()).event_type, taken(body()).occurred_at)


@pytest.mark.parametrize(
    ("data", "attributes", "field", "code"),
    [
        (event("event_type"), {}, "event_type", ErrorCode.FIELD_MISSING),
        (event("occurred_at"), {}, "occurred_at", ErrorCode.FIELD_MISSING),
        (event("event_type"), {"type": " "}, "event_type", ErrorCode.TEXT_EMPTY),
        (event("event_type"), {"type": "x" * 101}, "event_type", ErrorCode.TEXT_TOO_LONG),
        (event("occurred_at"), {"time": "noon"}, "occurred_at", ErrorCode.TIMESTAMP_INVALID),
        (event("occurred_at"), {"time": "2026-01-31T10:00:00"}, "occurred_at", ErrorCode.TIMESTAMP_WITHOUT_OFFSET),
        (event(event_type=""), {"type": "refund"}, "event_type", ErrorCode.TEXT_EMPTY),
        (event("transaction_id"), {"transaction_id": "t"}, "transaction_id", ErrorCode.FIELD_MISSING),
        (event(event_id="a\0"), {}, "event_id", ErrorCode.TEXT_NOT_STORABLE),
    ],
)
def test_type_and_time_of_the_envelope_obey_the_rules_of_the_fields(
    data: dict[str, Any], attributes: dict[str, Any], field: str, code: ErrorCode
) -> None:
    rejection = refused(envelope(data, **attributes))
    assert (rejection.code, rejection.field) == (code, field)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (envelope(event(), specversion="0.3"), "specversion"),
        (envelope(event(), specversion="1.0.1"), "specversion"),
        (envelope(event(), specversion=1), "specversion"),
        (envelope(event(), specversion=""), "specversion"),
        (envelope(...), "data"),
        (envelope("text"), "data"),
        (envelope(None), "data"),
        (envelope([event()]), "data"),
        (envelope(..., data_base64="e30="), "data"),
        (envelope(event(), id=...), "id"),
        (envelope(event(), id=None), "id"),
        (envelope(event(), id=""), "id"),
        (envelope(event(), id="\u00a0"), "id"),
        (envelope(event(), source=...), "source"),
        (envelope(event(), source=" "), "source"),
    ],
)
def test_an_envelope_must_have_what_makes_it_one(text: bytes, field: str) -> None:
    rejection = refused(text)
    assert (rejection.code, rejection.stage, rejection.field) == (ErrorCode.ENVELOPE_INVALID, Stage.VALIDATE, field)


@pytest.mark.parametrize("field", ["id", "source"])
@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(True, ErrorCode.FIELD_WRONG_TYPE, id="boolean"),
        pytest.param({}, ErrorCode.FIELD_WRONG_TYPE, id="object"),
        pytest.param("a\0", ErrorCode.TEXT_NOT_STORABLE, id="NUL"),
        pytest.param("\ud800", ErrorCode.TEXT_NOT_STORABLE, id="half a surrogate pair"),
        pytest.param("x" * 65_537, ErrorCode.TEXT_TOO_LONG, id="too long"),
    ],
)
def test_id_and_source_are_texts(field: str, value: object, code: ErrorCode) -> None:
    rejection = refused(envelope(event(), **{field: value}))
    assert (rejection.code, rejection.field) == (code, field)


@pytest.mark.parametrize("name", ["e-1", "17", "a b", "\u00e9", "x" * 300], ids=ascii)
def test_an_id_is_unique_within_its_source(name: str) -> None:
    """So the event id is made of both, and of nothing else."""
    first = taken(envelope(event(), id=name))
    assert taken(envelope(event(amount="1.00"), id=name)).event_id == first.event_id
    assert taken(envelope(event(), id=name + "'")).event_id != first.event_id
    assert taken(envelope(event(), id=name, source="/other")).event_id != first.event_id


def test_a_number_may_stand_for_an_id() -> None:
    assert taken(envelope(event(), id=17)).event_id == taken(envelope(event(), id="17")).event_id


def test_an_id_that_is_a_uuid_is_the_event_id_whatever_the_source() -> None:
    assert taken(envelope(event(), id=UUID_TEXT.upper())).event_id == UUID_TEXT
    assert taken(envelope(event(event_id=UUID_TEXT), id="e-1")).event_id == UUID_TEXT


def test_an_id_inside_goes_before_the_id_of_the_envelope() -> None:
    inside = taken(envelope(event(event_id="e-7")))
    assert inside.event_id == taken(envelope(event(), id="e-7")).event_id
    assert taken(envelope(event(event_id=" "))).event_id == taken(envelope(event())).event_id


@pytest.mark.parametrize(
    "text",
    [
        body(specversion="1.0"),
        body(data={"amount": "1"}),
        body(data={}, specversion=None),
        written(data='{"amount": "1"}', specversion="null"),
    ],
)
def test_a_body_without_specversion_and_data_is_no_envelope(text: bytes) -> None:
    assert taken(text) == taken(body())


def test_an_envelope_in_an_envelope_is_not_opened_twice() -> None:
    inner = {"specversion": "1.0", "id": "e-1", "source": "/shop", "data": event()}
    rejection = refused(envelope(inner))
    assert (rejection.code, rejection.field) == (ErrorCode.FIELD_MISSING, "transaction_id")
