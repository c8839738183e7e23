"""Batches made to be dear: each kind wants as much work of one part of the pipeline as valid or invalid bodies can ask.

A kind takes the number of bodies and gives them; the same number always gives the same bytes.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from ..events import DAY, NOON, body, event, rfc3339  # noqa: TID252 - test modules have no importable root

Kind = Callable[[int], list[bytes]]

_METHODS: Final = ("card", "sepa", "wallet", "paypal")
_TYPES: Final = ("payment.authorized", "payment.captured", "payment.refunded")


def _metrics(number: int) -> dict[str, Any]:
    return {"fee_amount": f"0.{number % 90 + 10}", "processing_time_ms": number % 400 + 1, "risk_score": 0.25}


def _good(number: int, **changes: Any) -> bytes:
    """An ordinary event with all four metrics; ten thousand of them lie within ten minutes."""
    members = {
        "occurred_at": rfc3339(NOON + timedelta(milliseconds=60 * number)),
        "amount": f"{number % 500}.{number % 100:02}",
        "event_type": _TYPES[number % len(_TYPES)],
        "payment_method": _METHODS[number % len(_METHODS)],
        "correlation_id": str(UUID(int=number + 1)),
        "merchant_id": f"merchant-{number % 97}",
        "metadata": {"channel": "web", "attempt": 1, "country": "NL", "note": "an ordinary event of ordinary size" * 3},
        **_metrics(number),
    }
    return body(number, **members | changes)


def _each(**changes: Callable[[int], Any]) -> Kind:
    return lambda count: [
        _good(number, **{name: change(number) for name, change in changes.items()}) for number in range(count)
    ]


def _enveloped(count: int) -> list[bytes]:
    """Ids that are not plain enough for the columns' way."""
    return [
        json.dumps(
            {
                "specversion": "1.0",
                "id": f"évt {number}",
                "source": "/shop",
                "data": event(number, event_id=None, **_metrics(number)),
            }
        ).encode()
        for number in range(count)
    ]


def _many_members(count: int) -> list[bytes]:
    """A thousand members that nobody reads."""
    rest = ",".join(f'"k{place}":{place}' for place in range(1000)).encode()
    return [_good(number)[:-1] + b"," + rest + b"}" for number in range(count)]


def _deep(count: int) -> list[bytes]:
    inside = b"[" * 99 + b"]" * 99
    return [_good(number)[:-1] + b',"note":' + inside + b"}" for number in range(count)]


def _flat_brackets(count: int) -> list[bytes]:
    """Not deep at all, but with so many brackets that the depth has to be measured."""
    inside = b"[" + b",".join([b"[]"] * 200) + b"]"
    return [_good(number)[:-1] + b',"note":' + inside + b"}" for number in range(count)]


def _noted(note: str) -> Kind:
    """Something for the guard to read closely, 700 characters of it, beside all that an ordinary event has."""
    text = (note * 700)[:700]
    return _each(note=lambda _: text)


def _wide_histograms(count: int) -> list[bytes]:
    """Two events for each key, with the smallest and the largest value there can be: the longest bucket numbers."""
    made = []
    for number in range(count):
        value = ("0.000000001", "999999999999999999")[number % 2]
        metrics = dict.fromkeys(("amount", "fee_amount", "processing_time_ms", "risk_score"), value)
        made.append(_good(number, currency="XAU", event_type=f"type-{number // 2}", **metrics))
    return made


def _key_of_its_own(number: int) -> timedelta:
    return timedelta(minutes=number % 1000, milliseconds=number)


KINDS: Final[dict[str, Kind]] = {
    "good": _each(),
    "no json": lambda count: [_good(number)[:-1] for number in range(count)],
    "no UTF-8": lambda count: [_good(number) + b"\xff" for number in range(count)],
    "empty": lambda count: [b""] * count,
    "invalid field": _each(amount=lambda _: "twelve"),
    "careful way": _each(currency=lambda _: "eur"),
    "enveloped": _enveloped,
    "duplicates of one": lambda count: [_good(1)] * count,
    "conflicts with one": _each(event_id=lambda _: str(UUID(int=1)), occurred_at=lambda _: rfc3339(NOON)),
    "conflicts in pairs": _each(event_id=lambda number: str(UUID(int=number // 2))),
    "derived ids": _each(event_id=lambda _: None),
    "unusable metrics": _each(
        fee_amount=lambda _: "n/a", processing_time_ms=lambda _: [1], risk_score=lambda _: {"a": 1}
    ),
    "odd metrics": _each(
        fee_amount=lambda _: "1e-400", processing_time_ms=lambda _: "1e17", risk_score=lambda _: "1E2"
    ),
    "an event type each": _each(event_type=lambda number: f"type-{number}"),
    "a minute each": _each(occurred_at=lambda number: rfc3339(NOON - timedelta(minutes=number))),
    "a payment key each": _each(
        payment_method=lambda number: f"method-{number}", payment_status=lambda number: f"status-{number}"
    ),
    "an event type and minute each": _each(
        event_type=lambda number: f"type-{number}", occurred_at=lambda number: rfc3339(NOON - _key_of_its_own(number))
    ),
    "long keys": _each(
        event_type=lambda number: f"{number:06}" + "\U0001f4b6" * 94,
        payment_method=lambda number: f"{number:06}" + "\U0001f4b6" * 94,
    ),
    "wide histograms": _wide_histograms,
    "1,000 members": _many_members,
    "card numbers": _noted("4111111111111111 "),
    "no card numbers": _noted("4111111111111112 "),
    "verification values": _noted("cvv 123 "),
    "single digits": _noted("4 1 "),
    "escapes": lambda count: [
        _good(number)[:-1] + b',"note":"' + b"\\u0034\\n" * 90 + b'"}' for number in range(count)
    ],
    "deep": _deep,
    "flat brackets": _flat_brackets,
    "100 days": _each(occurred_at=lambda number: rfc3339(NOON - number % 100 * DAY)),
    "a day each": _each(occurred_at=lambda number: rfc3339(NOON - number % 9_800 * DAY)),
}
"""Name -> kind; `good` is what the others are measured against."""
