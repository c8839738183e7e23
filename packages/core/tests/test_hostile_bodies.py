"""Bodies larger than a hub takes, ids made to collide, and clocks at the ends of the calendar."""

from datetime import UTC, datetime
from typing import Any

import pytest

from payments_core.errors import ErrorCode
from payments_core.event import Rejection, Transaction
from payments_core.normalize import normalize

from .examples import RULES, body, envelope, event, outcome, taken, written

SIZE = 2_000_000  # bytes; an Event Hub takes up to one megabyte
UUID_TEXT = "7d444840-9dc0-11d1-b245-5ffdce74fad2"

# Whatever took more than linear time for one of these, such as int() or a regular expression that goes back, would
# take hours and not a second.
BIG: dict[str, tuple[bytes, ErrorCode | None]] = {
    "digits where nobody reads": (written(note="7" * SIZE), None),
    "digits as the amount": (written(amount="7" * SIZE), ErrorCode.AMOUNT_OUT_OF_RANGE),
    "decimals as the amount": (written(amount="0." + "7" * SIZE), ErrorCode.AMOUNT_TOO_FINE),
    "zeros after the amount": (written(amount="1." + "0" * SIZE), None),
    "digits, then a letter": (written(amount=f'"{"7" * SIZE}x"'), ErrorCode.AMOUNT_INVALID),
    "digits as a metric": (written(fee_amount="7" * SIZE), None),
    "decimals as a metric": (written(fee_amount="0." + "7" * SIZE), None),
    "digits as an id": (written(transaction_id="7" * SIZE), ErrorCode.TEXT_TOO_LONG),
    "a text": (body(payment_method="x" * SIZE), ErrorCode.TEXT_TOO_LONG),
    "blanks": (body(payment_method=" " * SIZE), ErrorCode.TEXT_EMPTY),
    "blanks around": (b" " * SIZE + body() + b"\n" * SIZE, None),
    "decimals of a second": (body(occurred_at=f"2026-01-31T11:00:00.{'9' * SIZE}Z"), None),
    "backslashes": (written(note=f'"{chr(92) * SIZE}"'), None),
    "quotes": (written(note='"' * SIZE), ErrorCode.NOT_JSON),
    "a text without an end": (written(note='"' + "x" * SIZE)[:-1], ErrorCode.NOT_JSON),
    "flat brackets": (written(note=f"[{'[],' * (SIZE // 3)}[]]"), None),
    "opened and never closed": (b"[" * SIZE, ErrorCode.JSON_TOO_DEEP),
    "one key again and again": (written(note="{" + '"a":1,' * (SIZE // 6) + '"a":1}'), None),
    "NUL": (b"\0" * SIZE, ErrorCode.NOT_JSON),
    "no UTF-8 at the very end": (b" " * SIZE + b"\xff", ErrorCode.NOT_UTF8),
}


@pytest.mark.parametrize(("text", "code"), BIG.values(), ids=BIG)
def test_the_largest_bodies_get_their_verdict(text: bytes, code: ErrorCode | None) -> None:
    result = outcome(text)
    assert (result.code if isinstance(result, Rejection) else None) is code


def identity(text: bytes) -> str:
    return taken(text).event_id


@pytest.mark.parametrize("spelling", [UUID_TEXT, UUID_TEXT.upper(), UUID_TEXT.replace("-", "")])
def test_one_uuid_is_one_identity_however_it_is_spelled(spelling: str) -> None:
    assert identity(body(event_id=spelling)) == UUID_TEXT
    assert identity(envelope(event(event_id=spelling))) == UUID_TEXT
    assert identity(envelope(event(), id=spelling)) == UUID_TEXT


def test_parts_of_an_id_cannot_be_moved_across_its_separators() -> None:
    """Else two payments could be made to look like one, and the second would not count."""
    texts = [
        body(transaction_id="a", event_type="b c"),
        body(transaction_id="a b", event_type="c"),
        body(transaction_id="a\\0b", event_type="c"),
        body(transaction_id="a", event_type="\\0bc"),
        envelope(event(), source="a", id="bc"),
        envelope(event(), source="ab", id="c"),
        envelope(event(), source="a b", id="c"),
        envelope(event(), source="a", id="b c"),
        envelope(event(event_id="c"), source="a", id="b"),
        envelope(event(), source="a", id="{" + UUID_TEXT + "}"),
    ]
    assert len({identity(text) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    "members", [{"transaction_id": "a\0b"}, {"event_type": "a\0b"}, {"id": "a\0b"}, {"source": "a\0b"}]
)
def test_the_separator_itself_is_in_no_part_of_an_id(members: dict[str, Any]) -> None:
    data = event(**{name: value for name, value in members.items() if name in ("transaction_id", "event_type")})
    result = outcome(envelope(data, **{name: value for name, value in members.items() if name in ("id", "source")}))
    assert isinstance(result, Rejection)
    assert result.code is ErrorCode.TEXT_NOT_STORABLE


@pytest.mark.parametrize(
    ("enqueued_at", "code"),
    [
        (datetime.max.replace(tzinfo=UTC), None),
        (datetime(2026, 1, 30, 12, tzinfo=UTC), None),
        (datetime(2026, 1, 30, 11, 59, 30, 249_999, tzinfo=UTC), ErrorCode.TIMESTAMP_OUT_OF_RANGE),
        (datetime.min.replace(tzinfo=UTC), ErrorCode.TIMESTAMP_OUT_OF_RANGE),
    ],
)
def test_a_hub_whose_clock_is_at_an_end_of_the_calendar_gets_a_verdict(
    enqueued_at: datetime, code: ErrorCode | None
) -> None:
    result = normalize(0, body(), enqueued_at, RULES)
    assert isinstance(result, Rejection if code else Transaction)
    assert (result.code if isinstance(result, Rejection) else None) is code
