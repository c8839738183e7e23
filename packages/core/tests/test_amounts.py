"""Amounts are exact decimals from the wire on, and never finer than their currency's minor unit."""

from decimal import Decimal
from fractions import Fraction

import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_core.currency import MINOR_UNITS
from payments_core.errors import ErrorCode, Stage

from .examples import body, deliver, parse, refused, taken, written


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("12.50", "EUR", "12.5"),
        ("12.5", "EUR", "12.5"),
        ("12", "EUR", "12"),
        ("0", "EUR", "0"),
        ("0.00", "EUR", "0"),
        ("-0", "EUR", "0"),
        ("-0.000", "EUR", "0"),
        ("-12.50", "EUR", "-12.5"),
        ("0.1", "EUR", "0.1"),
        ("1E2", "EUR", "100"),
        ("1e+2", "EUR", "100"),
        ("1250e-2", "EUR", "12.5"),
        ("0.125e1", "EUR", "1.25"),
        ("0e999999999", "EUR", "0"),
        ("12.500000000000000000000", "EUR", "12.5"),
        ("1.000000000", "JPY", "1"),
        ("110", "JPY", "110"),
        ("999999999999999999.99", "EUR", "999999999999999999.99"),
        ("-999999999999999999.99", "EUR", "-999999999999999999.99"),
        ("99999999999999999999e-2", "EUR", "999999999999999999.99"),
        ("999999999999999999.999999999", "XAU", "999999999999999999.999999999"),
        ("123456789012345678.123456789", "XAU", "123456789012345678.123456789"),
        ("0.000000001", "XAU", "0.000000001"),
        ("1e-9", "XAU", "0.000000001"),
    ],
)
def test_a_number_or_its_text_is_its_exact_decimal(text: str, currency: str, amount: str) -> None:
    for value in (text, f'"{text}"'):
        found = taken(written(amount=value, currency=f'"{currency}"')).amount
        assert found == Decimal(amount)
        assert str(found) != "-0"


@pytest.mark.parametrize(("text", "amount"), [("+12.50", "12.5"), ("0012.50", "12.5"), ("-012", "-12")])
def test_a_text_may_have_a_plus_and_leading_zeros(text: str, amount: str) -> None:
    assert taken(body(amount=text)).amount == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "n/a", "12,50", "1_000", "1 000", " 12", "12 ", "12\n", ".5", "5.", "0x10", "--1", "1e", "1e5e5"),
        *("NaN", "Infinity", "-inf", "EUR 5", "\u0661\u0662", "\uff11", "1e1234567890"),
    ],
    ids=ascii,
)
def test_a_text_that_is_no_decimal_is_refused(text: str) -> None:
    rejection = refused(body(amount=text))
    assert (rejection.code, rejection.field) == (ErrorCode.AMOUNT_INVALID, "amount")


@pytest.mark.parametrize("value", ["true", "false", "{}", "[]", "[1]", '{"value": 1}'])
def test_an_amount_of_another_json_type_is_refused(value: str) -> None:
    rejection = refused(written(amount=value))
    assert (rejection.code, rejection.field) == (ErrorCode.FIELD_WRONG_TYPE, "amount")


@pytest.mark.parametrize("text", [body("amount"), written(amount="null")])
def test_an_amount_must_be_there(text: bytes) -> None:
    rejection = refused(text)
    assert (rejection.code, rejection.field) == (ErrorCode.FIELD_MISSING, "amount")


@pytest.mark.parametrize("text", ["1000000000000000000", "-1000000000000000000.00", "1e18", "9e999999999", "1" * 5000])
def test_an_amount_has_at_most_18_digits_before_the_point(text: str) -> None:
    for value in (text, f'"{text}"'):
        rejection = refused(written(amount=value))
        assert (rejection.code, rejection.stage) == (ErrorCode.AMOUNT_OUT_OF_RANGE, Stage.VALIDATE)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1.10", "JPY"),
        ("0.001", "EUR"),
        ("12.505", "EUR"),
        ("12.500000001", "EUR"),
        ("999999999999999999.999", "EUR"),
        ("1e-3", "EUR"),
        ("1e-999999999", "EUR"),
        ("0.0001", "KWD"),
        ("0.0000000001", "XAU"),
        ("0." + "0" * 5000 + "1", "EUR"),
    ],
)
def test_an_amount_finer_than_the_minor_unit_is_refused_not_rounded(text: str, currency: str) -> None:
    for value in (text, f'"{text}"'):
        rejection = refused(written(amount=value, currency=f'"{currency}"'))
        assert (rejection.code, rejection.field) == (ErrorCode.AMOUNT_TOO_FINE, "amount")
        assert currency in rejection.message


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [
        *(("JPY", 0), ("KRW", 0), ("EUR", 2), ("USD", 2), ("HUF", 2), ("KWD", 3), ("TND", 3), ("CLF", 4)),
        *(("UYW", 4), ("XAU", 9), ("XDR", 9)),
    ],
)
def test_decimals_follow_iso_4217(currency: str, decimals: int) -> None:
    """A code without a minor unit (gold, SDR) may use the nine decimals that the archive has."""
    assert MINOR_UNITS[currency] == decimals
    finest = Decimal(1).scaleb(-decimals)
    assert taken(body(currency=currency, amount=f"{finest:f}")).amount == finest
    refused(body(currency=currency, amount=f"{finest / 10:f}"))


def test_every_currency_code_has_a_place_in_the_archive() -> None:
    assert len(MINOR_UNITS) > 150
    assert all(len(code) == 3 and 0 <= decimals <= 9 for code, decimals in MINOR_UNITS.items())


@pytest.mark.parametrize(("text", "code"), [("EUR", "EUR"), ("eur", "EUR"), ("eUr", "EUR"), (" usd\n", "USD")])
def test_a_currency_is_its_code_in_capitals(text: str, code: str) -> None:
    assert taken(body(currency=text)).currency == code


@pytest.mark.parametrize(
    "text", ["EU", "EURO", "DEM", "ABC", "\u20ac", "978", "E U", "US$", "\u0415UR", "u\u017fd"], ids=ascii
)
def test_what_is_no_iso_4217_code_is_refused(text: str) -> None:
    rejection = refused(body(currency=text))
    assert (rejection.code, rejection.field) == (ErrorCode.CURRENCY_UNKNOWN, "currency")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (body("currency"), ErrorCode.FIELD_MISSING),
        (written(currency="null"), ErrorCode.FIELD_MISSING),
        (body(currency="  "), ErrorCode.TEXT_EMPTY),
        (written(currency="978"), ErrorCode.CURRENCY_UNKNOWN),
        (written(currency="true"), ErrorCode.FIELD_WRONG_TYPE),
    ],
)
def test_a_currency_must_be_there(text: bytes, code: ErrorCode) -> None:
    rejection = refused(text)
    assert (rejection.code, rejection.field) == (code, "currency")


DECIMALS = st.decimals(-(10**18) + 1, 10**18 - 1, places=9, allow_nan=False)


@given(DECIMALS, st.booleans(), st.booleans())
def test_no_digit_is_lost_on_the_way(amount: Decimal, as_text: bool, careful: bool) -> None:  # noqa: FBT001
    """27 digits, as a number or a text, whichever way the event takes: no binary float could carry them."""
    value = f'"{amount:f}"' if as_text else f"{amount:f}"
    text = written(amount=value, currency='"xau"' if careful else '"XAU"')
    row = parse(deliver(text)).events.to_pylist()[0]
    assert row["amount"] == amount
    assert row["metric:amount"] == amount


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_tenth_and_two_tenths_are_three_tenths(quote: str) -> None:
    events = parse(deliver(*(written(amount=f"{quote}{text}{quote}") for text in ("0.1", "0.2")))).events
    assert sum(events["amount"].to_pylist()) == Decimal("0.3")


def test_many_amounts_sum_to_the_cent() -> None:
    """Ten thousand amounts whose binary floats are all wrong; every tenth goes the careful way."""
    cents = [7 * number % 10_007 for number in range(10_000)]
    bodies = [
        written(amount=f"{n // 100}.{n % 100:02d}{'e0' if n % 10 == 0 else ''}", payment_method=f'"{n}x"')
        for n in cents
    ]
    events = parse(deliver(*bodies)).events
    assert pc.sum(events["amount"]).as_py() == Decimal(sum(cents)) / 100
    assert Fraction(sum(float(amount) for amount in events["amount"].to_pylist())) != Fraction(sum(cents), 100)
