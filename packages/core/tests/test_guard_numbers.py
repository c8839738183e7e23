"""Card numbers: every scheme, in every field, however written; and what is left of them."""

import json

import pytest

from payments_core.guard import redact

from .cards import NUMBERS, WRITINGS, masked
from .examples import body, envelope, event, written

VISA = NUMBERS["Visa"]
ANYWHERE = ("payment_method", "payment_status", "event_type", "merchant_id", "customer_id", "correlation_id", "note")


def guarded(text: bytes, finds: int = 1) -> str:
    """The body as the guard leaves it, which must have found so many."""
    (redacted,), counts = redact([text])
    assert counts.get(0, 0) == finds
    return redacted.decode()


def left(value: str, finds: int = 1) -> str:
    """What the guard leaves of a text in a field."""
    note: str = json.loads(guarded(body(note=value), finds))["note"]
    return note


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_the_first_six_and_the_last_four_digits_stay(number: str) -> None:
    assert left(number) == number[:6] + "*" * (len(number) - 10) + number[-4:]


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
def test_a_number_is_found_however_it_is_written_and_its_separators_stay(number: str, write: object) -> None:
    assert callable(write)
    text = write(number)
    assert left(text) == masked(text)
    assert left(f"Refund to {text}, please") == f"Refund to {masked(text)}, please"


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("field", ANYWHERE)
def test_a_number_is_found_in_every_field(number: str, field: str) -> None:
    assert guarded(body(**{field: number})) == body(**{field: masked(number)}).decode()


@pytest.mark.parametrize(
    "place", ["{}", "a {}.", "({})", "<pan>{}</pan>", "x={}&y=1", "卡号{}", "№{}", "[{}]", "a\n{}", '"{}"']
)
def test_a_number_is_found_in_free_text(place: str) -> None:
    assert left(place.format(VISA)) == place.format(masked(VISA))


def test_a_number_is_found_at_any_depth_and_as_a_key() -> None:
    text = json.dumps({"a": [{"b": [VISA]}], VISA: 1}).encode()
    assert json.loads(guarded(text, 2)) == {"a": [{"b": [masked(VISA)]}], masked(VISA): 1}


def test_a_number_is_found_inside_an_envelope() -> None:
    assert json.loads(guarded(envelope(event(note=VISA))))["data"]["note"] == masked(VISA)


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (VISA, masked(VISA)),
        (f"-{VISA}", f"-{masked(VISA)}"),
        (f"{VISA}.0", f"{masked(VISA)}.0"),
        (f"{VISA}e0", None),
        ("4.111111111111111E15", "4.11111**********E15"),
        ("4.111111111111111e+15", "4.11111**********e+15"),
        ("4.11111111111111e15", None),
    ],
)
def test_a_json_number_becomes_a_text_because_stars_make_no_number(number: str, kept: str | None) -> None:
    finds = 0 if kept is None else 1
    assert json.loads(guarded(written(x=number), finds))["x"] == (kept or json.loads(number))
    assert json.loads(guarded(written(x=f"[1, {number} , 2]"), finds))["x"] == [1, kept or json.loads(number), 2]


@pytest.mark.parametrize(
    "escaped",
    [
        "\\u0034111111111111111",
        "".join(f"\\u{ord(digit):04X}" for digit in VISA),
        "4111\\u00201111\\u002d1111\\u00a01111",
        "4111\\/1111\\/1111\\/1111",
        "4111\\t1111\\n1111 1111",
        "\\uff14111111111111111",
        "\\ud835\\udfd2111111111111111",
        "caf\\u00e9\\u20094111111111111111",
        "\\n4111111111111111\\u000a",
        "4111%201111%201111%201111",
        "pan%3D4111111111111111%26x",
        '{\\"pan\\":\\"4111111111111111\\"}',
        "{\\u0022pan\\u0022:\\u00224111111111111111\\u0022}",
    ],
)
def test_escapes_hide_nothing(escaped: str) -> None:
    plain: str = json.loads(f'"{escaped}"')
    note = json.loads(guarded(written(note=f'"{escaped}"')))["note"]
    assert [letter for letter in note if letter != "*"] != list(plain)
    assert len(note) == len(plain)
    assert note.count("*") == 6


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_body_in_another_encoding_is_masked_in_that_encoding(encoding: str) -> None:
    text = f'{{"note": "paid with {VISA}, thanks"}}'
    (redacted,), counts = redact([text.encode(encoding)])
    assert redacted.decode(encoding) == text.replace(VISA, masked(VISA))
    assert counts == {0: 1}


@pytest.mark.parametrize("around", [b"Caf\xe9 %s", b"\xff%s\xfe", b"%s\x80", b'{"note": "%s', b"%s;01/30", b"\0%s\0"])
def test_a_body_that_is_no_json_is_masked_and_otherwise_kept_byte_for_byte(around: bytes) -> None:
    (redacted,), counts = redact([around % VISA.encode()])
    assert redacted == around % masked(VISA).encode()
    assert counts == {0: 1}


@pytest.mark.parametrize(
    "around",
    [
        b'{"note": "%s"}' + b"\0" * 485,  # a buffer of fixed size
        b"\0" * 100 + b"%s",
        b'{"note": "%s"}' + "{}".encode("utf-16-le") * 30,
        "{}".encode("utf-16-be") * 30 + b"%s",
    ],
)
def test_bytes_that_look_like_utf_16_elsewhere_hide_no_number(around: bytes) -> None:
    assert redact([around % VISA.encode()]) == ([around % masked(VISA).encode()], {0: 1})


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_at_an_odd_place_hides_no_number(encoding: str) -> None:
    (redacted,), _ = redact([b"\x01" + f"paid with {VISA}".encode(encoding)])
    assert redacted == b"\x01" + f"paid with {masked(VISA)}".encode(encoding)


def test_a_number_may_stand_between_other_groups_of_digits() -> None:
    assert left("5 4111 1111 1111 1111 12/30 123") == "5 4111 11** **** 1111 12/30 123"
    assert left("3782 822463 10005 0930") == "3782 82**** *0005 0930"
    assert left("4111 1111 1111 1111 123") == "4111 11** **** 1111 123"
    assert left("4111111111111111 4222222222222", 2) == "411111******1111 422222***2222"


def test_of_numbers_that_overlap_only_what_may_be_seen_of_each_stays() -> None:
    text = "4111 1111 1111 1111 1111 1111 1111"
    assert left(f"{text} {text}", 2).count("*") == 12


@pytest.mark.parametrize(
    "text",
    [
        "pan4111111111111111",
        "PAN_4111111111111111",
        "card4111111111111111",
        "cardNumber:4111111111111111F",
        "acct_4111111111111111",
        "account no. 41111 11111 11111 1",
        "card-no 411111 1111111111",
        "credit card number: 41 11 11 11 11 11 11 11",
    ],
)
def test_behind_a_card_word_neither_neighbours_nor_groups_matter(text: str) -> None:
    assert left(text) == masked(text)


@pytest.mark.parametrize(
    "key", ["pan", "PAN", "card_number", "cardNumber", "card-no", "cc_number", "CCNUM", "card_pan"]
)
def test_a_key_that_says_card_number_needs_no_known_issuer(key: str) -> None:
    airline = "135410014004955"
    assert guarded(body(note=airline), 0)
    assert guarded(body(**{key: airline})) == body(**{key: masked(airline)}).decode()


@pytest.mark.parametrize("number", ["4111111111111112", "1111111111111117", "411111111111", "41111111111111111111"])
def test_a_wrong_check_digit_issuer_or_length_is_no_card_number(number: str) -> None:
    assert left(number, 0) == number
