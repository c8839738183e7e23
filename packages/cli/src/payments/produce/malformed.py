"""The catalogue of malformed events: each kind is one thing that really goes wrong between a sender and an event hub.

A kind takes a well-formed event (plain or in its envelope) and gives the bytes that arrive instead.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

Event = dict[str, Any]
Kind = Callable[[Event], bytes]

_encode = msgspec.json.Encoder().encode


def _changed(**changes: Any) -> Kind:
    return lambda event: _encode({**_inner(event), **changes})


def _without(field: str) -> Kind:
    return lambda event: _encode({key: value for key, value in _inner(event).items() if key != field})


def _inner(event: Event) -> Event:
    """The event alone: out of its envelope, with the type and time that stood there."""
    if "specversion" not in event:
        return event
    return {"event_type": event["type"], "occurred_at": event["time"], **event["data"]}


def _truncated(event: Event) -> bytes:
    line = _encode(event)
    return line[: len(line) * 2 // 3]


def _not_utf8(event: Event) -> bytes:
    return _encode({**event, "note": "Caf?"}).replace(b'"Caf?"', '"Café"'.encode("latin-1"))


def _too_fine(event: Event) -> bytes:
    # Eight decimals: finer than the minor unit of every currency in use.
    return _changed(amount="12.34567891")(event)


def _without_offset(event: Event) -> bytes:
    return _changed(occurred_at=_inner(event)["occurred_at"][:19])(event)


def _envelope_without_source(event: Event) -> bytes:
    return _encode({"specversion": "1.0", "id": "evt-1", "type": "payment.captured", "data": _inner(event)})


def _too_deep(event: Event) -> bytes:
    depth = 200
    return _changed(metadata=msgspec.Raw(b'{"a":' * depth + b"1" + b"}" * depth))(event)


CATALOGUE: Final[dict[str, Kind]] = {
    "truncated": _truncated,
    "empty_object": lambda _: b"{}",
    "missing_transaction_id": _without("transaction_id"),
    "unknown_currency": _changed(currency="EURO"),
    "amount_too_fine": _too_fine,
    "time_not_rfc3339": _changed(occurred_at="31/12/2025 23:59"),
    "amount_wrong_type": _changed(amount={"value": 1099, "currency": "EUR"}),
    "not_utf8": _not_utf8,
    "amount_nan": _changed(amount=msgspec.Raw(b"NaN")),
    "time_in_future": _changed(occurred_at="2999-01-01T00:00:00Z"),
    "missing_amount": _without("amount"),
    "not_json": lambda _: b"<payment><status>captured</status></payment>",
    "array": lambda event: _encode([event]),
    "json_in_text": lambda event: _encode(_encode(event).decode()),
    "null_currency": _changed(currency=None),
    "blank_payment_method": _changed(payment_method="  "),
    "amount_in_words": _changed(amount="twelve"),
    "amount_too_large": _changed(amount="1" + "0" * 20),
    "time_without_offset": _without_offset,
    "time_in_1970": _changed(occurred_at="1970-01-01T00:00:00Z"),
    "missing_occurred_at": _without("occurred_at"),
    "correlation_id_no_uuid": _changed(correlation_id="order-4711"),
    "event_id_no_uuid": _changed(event_id="evt-4711"),
    "transaction_id_too_long": _changed(transaction_id="txn_" + "0" * 300),
    "nul_in_text": _changed(payment_status="captured\0"),
    "envelope_without_source": _envelope_without_source,
    "too_deep": _too_deep,
}
"""Name -> kind, the commonest first: a file with few malformed events shows these."""
