"""The text fields: required and optional ones, their limits, and what stands for a text."""

import pytest

from payments_core.errors import ErrorCode, Stage

from .examples import body, refused, taken, written

LIMITS = {
    "transaction_id": 255,
    "event_type": 100,
    "payment_method": 100,
    "payment_status": 100,
    "merchant_id": 255,
    "customer_id": 255,
}
REQUIRED = ("transaction_id", "event_type", "payment_method", "payment_status")
OPTIONAL = ("merchant_id", "customer_id")
BLANKS = ["", " ", "\t\r\n", "\u00a0", "\u2003\u3000"]


@pytest.mark.parametrize("field", LIMITS)
@pytest.mark.parametrize(
    "value",
    ["x", " kept as it is ", "\u652f\u4ed8", "Zo\u00eb", "Zoe\u0308", "\U0001f4b6", "a\nb", "\u200b", "\x01"],
    ids=ascii,
)
def test_a_text_is_taken_as_it_is(field: str, value: str) -> None:
    """Nothing is trimmed, folded or composed."""
    assert getattr(taken(body(**{field: value})), field) == value


@pytest.mark.parametrize("field", LIMITS)
@pytest.mark.parametrize(("number", "digits"), [("17", "17"), ("-5", "-5"), ("1" * 30, "1" * 30), ("0", "0")])
def test_a_whole_number_stands_for_its_digits(field: str, number: str, digits: str) -> None:
    assert getattr(taken(written(**{field: number})), field) == digits


@pytest.mark.parametrize("field", LIMITS)
@pytest.mark.parametrize("value", ["1.5", "1e3", "true", "{}", '["x"]'])
def test_what_cannot_stand_for_a_text_is_refused(field: str, value: str) -> None:
    rejection = refused(written(**{field: value}))
    assert (rejection.code, rejection.field, rejection.stage) == (ErrorCode.FIELD_WRONG_TYPE, field, Stage.VALIDATE)


@pytest.mark.parametrize(("field", "limit"), LIMITS.items())
@pytest.mark.parametrize("letter", ["x", "\u20ac", "\U0001f4b6"], ids=ascii)
def test_a_text_may_be_as_long_as_its_column_counted_in_characters(field: str, limit: int, letter: str) -> None:
    assert getattr(taken(body(**{field: letter * limit})), field) == letter * limit
    rejection = refused(body(**{field: letter * (limit + 1)}))
    assert (rejection.code, rejection.field) == (ErrorCode.TEXT_TOO_LONG, field)


@pytest.mark.parametrize("field", LIMITS)
@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\udc00x", "\\ude00\\ud83d"])
def test_a_text_that_postgresql_or_utf8_cannot_hold_is_refused(field: str, escape: str) -> None:
    rejection = refused(written(**{field: f'"a{escape}"'}))
    assert (rejection.code, rejection.field) == (ErrorCode.TEXT_NOT_STORABLE, field)


@pytest.mark.parametrize("field", REQUIRED)
def test_a_required_text_must_be_there(field: str) -> None:
    for text in (body(field), written(**{field: "null"})):
        rejection = refused(text)
        assert (rejection.code, rejection.field) == (ErrorCode.FIELD_MISSING, field)


@pytest.mark.parametrize("field", REQUIRED)
@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_a_required_text_must_not_be_blank(field: str, blank: str) -> None:
    rejection = refused(body(**{field: blank}))
    assert (rejection.code, rejection.field) == (ErrorCode.TEXT_EMPTY, field)


@pytest.mark.parametrize("field", [*OPTIONAL, "correlation_id"])
@pytest.mark.parametrize("blank", [*BLANKS, " " * 300], ids=ascii)
def test_a_blank_optional_text_is_none(field: str, blank: str) -> None:
    assert getattr(taken(body(**{field: blank})), field) is None
    assert getattr(taken(written(**{field: "null"})), field) is None
    assert getattr(taken(body()), field) is None
