"""From bytes to one JSON object, and what stands in it beside the fields that we know."""

import json

import pytest

from payments_core.errors import ErrorCode, Stage
from payments_core.normalize import MAX_DEPTH

from .examples import body, deliver, parse, refused, taken, written


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", ErrorCode.EMPTY_BODY),
        (b" \r\n", ErrorCode.NOT_JSON),
        (b"\xff\xfe{}", ErrorCode.NOT_UTF8),
        (body(note="?").replace(b"?", b"\xc3"), ErrorCode.NOT_UTF8),
        (body(note="\ud800"), ErrorCode.NOT_UTF8),
        (body().decode().encode("utf-16"), ErrorCode.NOT_UTF8),
        (b"hello", ErrorCode.NOT_JSON),
        (body()[:-1], ErrorCode.NOT_JSON),
        (body() + body(), ErrorCode.NOT_JSON),
        (b"\xef\xbb\xbf" + body(), ErrorCode.NOT_JSON),
        (body() + b"\0", ErrorCode.NOT_JSON),
        (written(note="NaN"), ErrorCode.NOT_JSON),
        (written(note="Infinity"), ErrorCode.NOT_JSON),
        (written(note="01"), ErrorCode.NOT_JSON),
        (written(note='"a\tb"'), ErrorCode.NOT_JSON),
        (written(note="1,"), ErrorCode.NOT_JSON),
        (b"null", ErrorCode.NOT_AN_OBJECT),
        (b'"text"', ErrorCode.NOT_AN_OBJECT),
        (b"12.5", ErrorCode.NOT_AN_OBJECT),
        (b"[" + body() + b"]", ErrorCode.NOT_AN_OBJECT),
        (b"[" * 100_000, ErrorCode.JSON_TOO_DEEP),
        (b"[" * 100_000 + b"]" * 100_000, ErrorCode.JSON_TOO_DEEP),
    ],
)
def test_a_body_that_is_not_one_json_object_is_refused_when_decoded(text: bytes, code: ErrorCode) -> None:
    rejection = refused(text)
    assert (rejection.code, rejection.stage, rejection.field) == (code, Stage.DECODE, None)


def test_json_may_be_nested_up_to_the_limit() -> None:
    """The event itself is the first level."""
    inside = MAX_DEPTH - 1
    taken(written(note="[" * inside + "1" + "]" * inside))
    deeper = refused(written(note="[" * (inside + 1) + "1" + "]" * (inside + 1)))
    assert deeper.code is ErrorCode.JSON_TOO_DEEP


def test_what_is_unknown_is_kept_as_it_was_written() -> None:
    """Unknown members, nested ones, number spellings, member order, escapes and line ends: the payload is the body."""
    text = written(lines='[{"sku": "A\\u00e9", "price": 1.10, "n": 1E2}]', note='{"deep": {"null": null}}') + b"\r\n"
    events = parse(deliver(text, text.replace(b'"EUR"', b'"eur"'))).events
    assert events["event_payload"].to_pylist() == [text.decode(), text.replace(b'"EUR"', b'"eur"').decode()]


def test_unknown_members_change_nothing_else() -> None:
    assert taken(body(amounts=5, Currency="JPY", data={"amount": 1}, id="x", source="y")) == taken(body())


def test_the_last_of_two_members_with_one_name_counts() -> None:
    assert taken(written(transaction_id='"first", "transaction_id": "last"')).transaction_id == "last"


def test_an_escaped_member_name_is_that_name() -> None:
    text = json.dumps({"amount": "3.10"})[1:-1].replace("amount", "am\\u006funt")
    assert taken(body("amount")[:-1] + b"," + text.encode() + b"}").amount == taken(body(amount="3.10")).amount


def test_texts_that_nobody_reads_may_hold_what_could_not_be_stored() -> None:
    taken(written(note='"\\u0000 \\ud800"'))
