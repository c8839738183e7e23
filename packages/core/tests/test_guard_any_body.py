"""What holds for every body: masked once is masked, JSON stays JSON, neighbours do not matter, nothing is left over."""

import json
import re
import unicodedata
from random import Random
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from payments_core.guard import _redact_one, redact

from .cards import NUMBERS, WRITINGS, masked
from .examples import body, event
from .identifiers import BARE_DECIMALS, FLOATS, IDENTIFIERS, TIMES

CROWD = [body(note="x" * 300, transaction_id=f"tx-{number}") for number in range(40)]
SIGNS = [
    *("4", "1", "44", "411", "4111", "1111", "378282", "10005", "12", "123", "0000", "4111111111111111"),
    *("4111 1111 1111 1111", "3782 822463 10005", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "4222222222222", "123456789012"),
    *(
        " ",
        "  ",
        " - ",
        *"-./_+*?;^=:,%\\\t\n\0xDFe",
        "**",
        "E15",
        ".0",
        "0.",
        "4.111111111111111E15",
        "%20",
        "%3D",
        "%B",
    ),
    *("\u00a0", "\u2013", "\u200b", "\uff14\uff11\uff11\uff11", "\u0664", "\u00e9", "\U0001d7d2", "\U0001f4b6", "\xff"),
    *(
        "pan",
        "PAN",
        "card",
        "cardNumber",
        "cc",
        "acct",
        "account no",
        "cvv",
        "CVC2",
        "csc",
        "security code",
        "is",
        "2512",
    ),
    *(
        "card_verification_value",
        "verification",
        "value",
        "track2",
        "track_1_data",
        "magstripe",
        "pin",
        "pin_block",
        "id",
    ),
    *(
        '"',
        '","',
        '":"',
        '":',
        "{",
        "}",
        "[",
        "]",
        '\\"',
        "\\n",
        "\\/",
        "\\\\",
        "\\u0034",
        "\\u0020",
        "\\u00a0",
        "\\u002d",
    ),
    *("\\u0022", "\\ud835\\udfd2", "\\ud800", "\\u0000", "\\u00e9", "transaction_id", "customer_id"),
]
KEYS = st.sampled_from(["transaction_id", "note", "pan", "cvv", "track2", "pin", "id", "card", "x"])
ORDINARY_KEYS = st.sampled_from(["transaction_id", "customer_id", "note"])
NUMBERS_OF_JSON = [
    "4111111111111111",
    "-4111111111111111",
    "4111111111111111.0",
    "4.111111111111111E15",
    "123",
    "12",
    "1.5",
]


def signs() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(SIGNS), max_size=14).map("".join)


@st.composite
def json_bodies(draw: st.DrawFn) -> bytes:
    members: dict[str, Any] = draw(st.dictionaries(st.one_of(KEYS, signs()), signs(), max_size=4))
    text = json.dumps(members, ensure_ascii=draw(st.booleans()))
    number = draw(st.sampled_from(NUMBERS_OF_JSON))
    return f'{{"a": {text}, {json.dumps(draw(signs()))}: {number}}}'.encode("utf-8", "surrogatepass")


def bodies() -> st.SearchStrategy[bytes]:
    encodings = st.sampled_from(["utf-8", "utf-8", "latin-1", "utf-16", "utf-16-be"])
    texts = st.builds(lambda text, encoding: text.encode(encoding, "replace"), signs(), encodings)
    return st.one_of(texts, json_bodies(), st.binary(max_size=40), signs().map(lambda text: body(note=text)))


def alone(text: bytes) -> tuple[bytes, int]:
    """Without the screen."""
    return _redact_one(text)


@settings(max_examples=400)
@given(bodies())
@example(b"cvv2.111.378282246310005")
@example(b"pan1.25121011.3782 822463 10005")
@example(b'{"track2": 4111111111111111.0}')
@example(b'track2_data":"x 4111111111111111')
@example(b"card 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1")
@example(b"4111 1111 1111 1111 1111 1111 1111")
def test_what_is_masked_once_is_not_found_again(text: bytes) -> None:
    redacted, _ = alone(text)
    assert alone(redacted) == (redacted, 0)


@settings(max_examples=250)
@given(bodies())
def test_a_body_without_finds_is_the_very_same_object_and_one_with_finds_has_changed(text: bytes) -> None:
    redacted, count = alone(text)
    assert (redacted is text) == (count == 0)
    assert (redacted == text) == (count == 0)


@settings(max_examples=400)
@given(st.one_of(json_bodies(), signs().map(lambda text: body(note=text))))
def test_json_stays_json_of_the_same_shape(text: bytes) -> None:
    try:
        before = json.loads(text)
    except ValueError:
        assume(False)  # noqa: FBT003 - Hypothesis knows no other form
    redacted, _ = alone(text)
    assert shape(json.loads(redacted)) == shape(before)


def shape(value: Any) -> Any:
    """How the objects and arrays are nested; masked keys may fall together."""
    if isinstance(value, dict):
        return [shape(member) for member in value.values() if isinstance(member, dict)]
    return type(value) if isinstance(value, list) else None


@settings(max_examples=250)
@given(st.lists(bodies(), min_size=1, max_size=3))
def test_a_verdict_never_depends_on_the_neighbours(several: list[bytes]) -> None:
    """So the screen lets nothing through that a reading of the body finds."""
    expected = [alone(text) for text in several]
    redacted, counts = redact([*several, *CROWD])
    assert [(redacted[index], counts.get(index, 0)) for index in range(len(several))] == expected
    assert set(counts) <= set(range(len(several)))
    assert redact([*CROWD, *several])[0][len(CROWD) :] == redacted[: len(several)]


def test_a_number_that_a_body_begins_with_is_found_whatever_the_bodies_before_it_hold() -> None:
    bodies = [*(number.encode() for number in NUMBERS.values()), b"cvv", b"4", b"111111111111111", b"%", b"4111"]
    _, counts = redact(bodies)
    assert counts == dict.fromkeys(range(len(NUMBERS)), 1)


@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_the_screen_lets_no_card_number_through_however_it_is_written(write: Any, ensure_ascii: bool) -> None:  # noqa: FBT001
    texts = [json.dumps({"note": write(number)}, ensure_ascii=ensure_ascii).encode() for number in NUMBERS.values()]
    _, counts = redact([*CROWD, *texts])
    assert counts == {len(CROWD) + index: 1 for index in range(len(texts))}


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_every_decimal_digit_of_unicode_counts(ensure_ascii: bool) -> None:  # noqa: FBT001
    zeros = [chr(code) for code in range(0x110000) if unicodedata.decimal(chr(code), None) == 0]
    numbers = [NUMBERS["Visa"].translate({48 + digit: ord(zero) + digit for digit in range(10)}) for zero in zeros]
    texts = [json.dumps({"note": number}, ensure_ascii=ensure_ascii).encode() for number in numbers]
    redacted, counts = redact([*CROWD, *texts])
    assert [json.loads(text)["note"] for text in redacted[len(CROWD) :]] == [masked(number) for number in numbers]
    assert len(counts) == len(zeros) > 60


LEFT_OVER = re.compile(r"(?<![0-9A-Za-z_*])(?<![0-9]\.)[0-9]{13,19}(?![0-9A-Za-z_*])")


@settings(max_examples=250)
@given(signs(), st.sampled_from(list(NUMBERS.values())), signs())
def test_no_run_of_digits_that_is_a_card_number_is_left_over(before: str, number: str, behind: str) -> None:
    note = json.loads(alone(body(note=f"{before} {number} {behind}"))[0])["note"]
    assert number not in LEFT_OVER.findall(note)


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.sampled_from([*IDENTIFIERS, *TIMES, *FLOATS]), ORDINARY_KEYS)
def test_ordinary_values_beside_a_card_number_stay(seed: int, name: str, key: str) -> None:
    value = (IDENTIFIERS | TIMES | FLOATS)[name](Random(seed))  # noqa: S311 - no secrets here
    redacted, count = alone(json.dumps({key: value, "found": NUMBERS["Visa"]}).encode())
    assert count == 1
    assert json.loads(redacted) == {key: value, "found": masked(NUMBERS["Visa"])}


def test_bare_digits_have_card_numbers_among_them_so_that_the_tests_of_precision_can_fail() -> None:
    random = Random(7)  # noqa: S311 - no secrets here
    drawn = [draw(random) for draw in BARE_DECIMALS.values() for _ in range(500)]
    _, counts = redact([json.dumps(event(note=value)).encode() for value in drawn])
    assert counts
