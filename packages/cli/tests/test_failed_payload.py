"""What a person sees of a failed event: readable, masked where it may identify somebody, and harmless to a terminal."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.failed.payload import is_sensitive, show_payload
from payments.failed.text import safe


def test_json_is_indented_and_keeps_every_member_and_every_number_as_written() -> None:
    body = b'{"amount": 1.50, "amount": 1e2, "n": NaN, "big": 12345678901234567890123, "ok": true, "a": [1, {}, []]}'
    assert show_payload(body).splitlines() == [
        "{",
        '  "amount": 1.50,',
        '  "amount": 1e2,',
        '  "n": NaN,',
        '  "big": 12345678901234567890123,',
        '  "ok": true,',
        '  "a": [',
        "    1,",
        "    {},",
        "    []",
        "  ]",
        "}",
    ]


def test_what_stands_below_a_sensitive_key_is_masked_and_what_is_missing_there_is_seen() -> None:
    body = {"customer": {"nick": "Bob", "tags": ["vip", 7, True], "phone": None, "note": ""}, "amount": "1.00"}
    shown = show_payload(json.dumps(body).encode())
    assert shown.splitlines() == [
        "{",
        '  "customer": {',
        '    "nick": "***" (3 characters),',
        '    "tags": [',
        '      "***" (3 characters),',
        "      ***,",
        "      ***",
        "    ],",
        '    "phone": null,',
        '    "note": ""',
        "  },",
        '  "amount": "1.00"',
        "}",
    ]


@pytest.mark.parametrize(
    "key",
    ["name", "customer", "cardHolder", "billing_address", "E-MAIL", "emailAddress", "payer.phone", "IBAN", "card_token",
     "accountNumber", "cardnumber", "clientIP", "DOB", "first_name", "Authorization", "PIN"],
)  # fmt: skip
def test_a_key_is_sensitive_by_its_words_however_it_is_spelled(key: str) -> None:
    assert is_sensitive(key)


@pytest.mark.parametrize(
    "key",
    ["transaction_id", "event_id", "correlation_id", "merchant_id", "customer_id", "amount", "currency", "event_type",
     "payment_method", "payment_status", "occurred_at", "fee_amount", "risk_score", "shipping", "description", "tax"],
)  # fmt: skip
def test_fields_that_tell_what_is_wrong_stay_visible(key: str) -> None:
    assert not is_sensitive(key)


def test_a_body_cut_off_is_masked_as_far_as_it_resembles_json() -> None:
    body = b'{"name": "Bob \\" Roe", "amount": 12, "card": 4929, "phone": null, "email": "bob@exa'
    assert show_payload(body) == '{"name": "***", "amount": 12, "card": "***", "phone": null, "email": "***"'


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", "(empty)"),
        (b"caf\xe9 \x1b[2J", r"caf\xe9 \x1b[2J"),
        ('{"pan"}'.encode("utf-16-le"), "7b 00 22 00 70 00 61 00 6e 00 22 00 7d 00"),
        (b"x" * 1001, "x" * 1000 + "\n... 1 more bytes: --payload-to writes all of them to a file"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_json_are_shown_as_an_excerpt(body: bytes, shown: str) -> None:
    assert show_payload(body) == shown


@pytest.mark.parametrize(
    "body",
    [b"[" * 500_000, b"[" * 900 + b"1," * 50_000 + b"1" + b"]" * 900, b'{"a":"' + b"x" * 10**6 + b'"}', b"[1]" * 9**5],
)
def test_a_huge_body_is_cut(body: bytes) -> None:
    assert len(show_payload(body)) < 25_000


@given(st.text() | st.binary())
def test_nothing_but_printable_characters_and_line_ends_reaches_the_terminal(content: str | bytes) -> None:
    bodies = [content] if isinstance(content, bytes) else [content.encode(errors="surrogatepass")]
    if isinstance(content, str):
        texts = [json.dumps({content: content}, ensure_ascii=plain) for plain in (True, False)]
        bodies += [text.encode(errors="surrogatepass") for text in texts]
    for body in bodies:
        assert show_payload(body).replace("\n", "").isprintable()


def test_every_character_that_could_drive_a_terminal_is_escaped() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert safe(every).isprintable()
    assert safe("Zoë Müller 5 €") == "Zoë Müller 5 €"
    assert safe("\x1b]0;x\x07\u202e\x9b") == r"\x1b]0;x\x07\u202e\x9b"
