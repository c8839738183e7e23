"""Identifiers, times and amounts are no card numbers; docs/card-data.md has the rates over 100,000 of each."""

import json
from random import Random

import pytest

from payments_core.guard import redact

from .cards import NUMBERS, masked, with_check_digit
from .examples import body, envelope, event, written
from .identifiers import BARE_DECIMALS, FLOATS, IDENTIFIERS, TIMES, Draw

SAMPLES = 1_000
VISA = NUMBERS["Visa"]
TRANSACTION_KEYS = [
    *("transaction_id", "transactionId", "TransactionID", "txn_id", "payment_id", "order-id", "event_id", "id"),
    *("original_transaction_id", "reference", "pspReference", "merchantReference", "originalReference", "order_number"),
    *("retrieval_reference_number", "invoice_no", "refund_ref", "authorisation_id", "trace_id"),
]
OTHER_KEYS = [
    "customer_id",
    "card_id",
    "account_id",
    "merchant_id",
    "token_id",
    "user_id",
    "payment_method_id",
    "number",
]


def untouched(bodies: list[bytes]) -> None:
    results, counts = redact(bodies)
    assert counts == {}
    assert all(result is given for result, given in zip(results, bodies, strict=True))


@pytest.mark.parametrize("draw", [*IDENTIFIERS.values(), *TIMES.values()], ids=[*IDENTIFIERS, *TIMES])
@pytest.mark.parametrize("place", ["id", "note", "text"])
def test_identifiers_and_times_are_no_card_numbers_wherever_they_stand(draw: Draw, place: str) -> None:
    random = Random(7)  # noqa: S311 - no secrets here
    drawn = [draw(random) for _ in range(SAMPLES)]
    if place == "id":
        untouched([b'{"transaction_id":"%s"}' % value.encode() for value in drawn])
    elif place == "note":
        untouched([b'{"note":"%s"}' % value.encode() for value in drawn])
    else:
        untouched([b'{"note":"see %s, then %s"}' % (value.encode(), value.encode()) for value in drawn])


@pytest.mark.parametrize("draw", FLOATS.values(), ids=FLOATS)
def test_decimal_fractions_are_no_card_numbers(draw: Draw) -> None:
    random = Random(7)  # noqa: S311 - no secrets here
    drawn = [draw(random).encode() for _ in range(SAMPLES)]
    untouched([b'{"risk_score":%s,"text":"%s"}' % (value, value) for value in drawn])


@pytest.mark.parametrize("draw", BARE_DECIMALS.values(), ids=BARE_DECIMALS)
@pytest.mark.parametrize("key", TRANSACTION_KEYS)
def test_bare_digits_are_no_card_number_under_a_key_that_names_a_transaction(draw: Draw, key: str) -> None:
    random = Random(7)  # noqa: S311 - no secrets here
    drawn = [draw(random).encode() for _ in range(200)]
    untouched([b'{"%s":"%s"}' % (key.encode(), value) for value in drawn])
    untouched([b'{"x":1, "%s" : %s , "y":2}' % (key.encode(), value) for value in drawn])


@pytest.mark.parametrize("key", TRANSACTION_KEYS)
@pytest.mark.parametrize("value", [VISA, "4111 1111 1111 1111", "4111-1111-1111-1111"])
@pytest.mark.parametrize("other", [{"cvv": "123"}, {"note": NUMBERS["Mastercard"]}, {"track2": "x"}])
def test_beside_other_card_data_a_number_in_an_ids_place_is_masked_too(key: str, value: str, other: object) -> None:
    assert isinstance(other, dict)
    text = json.dumps({key: value, **other}).encode()
    (redacted,), counts = redact([text])
    assert json.loads(redacted)[key] == masked(value)
    assert counts == {0: 2}


@pytest.mark.parametrize("key", TRANSACTION_KEYS)
def test_under_a_transaction_key_groups_of_digits_are_a_card_number(key: str) -> None:
    (redacted,), counts = redact([json.dumps({key: "4111 1111 1111 1111"}).encode()])
    assert json.loads(redacted)[key] == "4111 11** **** 1111"
    assert counts == {0: 1}


@pytest.mark.parametrize("key", TRANSACTION_KEYS)
@pytest.mark.parametrize("frame", ["card {}", "pan_{}", "{} 12/30", " {}", "{}.", "-{}"])
@pytest.mark.parametrize("number", [VISA, "4111 1111 1111 1111"])
def test_a_transaction_key_hides_nothing_that_is_more_than_bare_digits(key: str, frame: str, number: str) -> None:
    (redacted,), counts = redact([json.dumps({key: frame.format(number)}).encode()])
    assert json.loads(redacted)[key] == frame.format(masked(number))
    assert counts == {0: 1}


@pytest.mark.parametrize("key", OTHER_KEYS)
def test_a_number_that_stays_the_same_from_payment_to_payment_is_masked_under_its_key(key: str) -> None:
    """Customers and cards come again, and so would a card number that names them."""
    (redacted,), _ = redact([body(**{key: VISA})])
    assert redacted == body(**{key: masked(VISA)})


def test_a_key_far_from_its_value_names_nothing() -> None:
    (redacted,), counts = redact([b'{"transaction_id":%s"%s"}' % (b" " * 200, VISA.encode())])
    assert counts == {0: 1}
    assert VISA.encode() not in redacted


@pytest.mark.parametrize(
    "value", ["0IX84S3VWXCCV392", "RFJP6B60YCVC8198", "01JJX767M9H0KYAYDS5CSC9765", "67312990067596d6844bff4b0e9d8745"]
)
def test_a_word_or_a_track_inside_an_identifier_is_none(value: str) -> None:
    """Each was a find once; random identifiers held one in a million."""
    untouched([body(transaction_id=value, note=value)])


@pytest.mark.parametrize("before", ["x", "ch_", "_", "9", "0x", "0."])
def test_digits_glued_to_what_stands_before_are_no_card_number(before: str) -> None:
    untouched([body(note=f"{before}{VISA}")])


@pytest.mark.parametrize("after", ["x", "_1", "9", "a4"])
def test_digits_glued_to_what_stands_behind_are_no_card_number(after: str) -> None:
    untouched([body(note=f"{VISA}{after}")])


def test_uuids_of_digits_alone_are_no_card_numbers() -> None:
    random = Random(7)  # noqa: S311 - no secrets here
    drawn = []
    for _ in range(SAMPLES):
        digits = "4" + "".join(random.choices("0123456789", k=31))
        drawn.append(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")
    untouched([body(note=value, correlation_id=value) for value in drawn])


@pytest.mark.parametrize(
    "member",
    [
        {"pspReference": "8636172945333378", "originalReference": "9913140798220028", "cardSummary": "1111"},
        {"reason": "Payment.TxId=300000000524534724 dispute", "expiryDate": "03/2030", "chargebackReasonCode": " 4853"},
        {"id": "ch_1PgafuB7WZ01zgkWXYmPNZs8", "balance_transaction": "txn_1PgaxNB7WZ01zgkWEV3TLf40"},
        {"card": {"last4": "4242", "exp_month": 8, "exp_year": 2030, "checks": {"cvc_check": "pass"}}},
        {"created": 1234567890, "fingerprint": "AOB934RVNwzk6xtn", "hmacSignature": "b0ea55c2fe60d4d1d605e9c385e0e7"},
        {"account": {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX"}, "phone": "+44 20 7946 0958"},
        {"card": {"bin": "411111", "last_four": "1111", "masked": "411111******1111", "track": "gold"}},
    ],
)
def test_events_of_payment_providers_hold_no_card_data(member: dict[str, object]) -> None:
    untouched([body(**member), json.dumps(envelope(event(**member)).decode()).encode(), written(x=json.dumps(member))])


def test_a_sequence_of_numbers_with_valid_check_digits_keeps_its_identity_as_transaction_ids() -> None:
    """Masked, a hundred of these would be one and the same."""
    ids = [with_check_digit(f"45395{middle:06d}0000") for middle in range(SAMPLES)]
    untouched([b'{"transaction_id":"%s"}' % number.encode() for number in ids])
