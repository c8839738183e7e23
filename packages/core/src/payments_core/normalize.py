"""One body to one transaction or one rejection: the complete definition of what an event is.

`batch` has a fast way for ordinary events and comes here for all others; a test holds the two equal.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from payments_core import fields
from payments_core.errors import ErrorCode, Stage
from payments_core.event import Rejection, Transaction
from payments_core.fields import FractionText, IntegerText, Invalid
from payments_core.rules import MetricRule

# Fixed, so that a verdict never depends on how deep the interpreter's stack happens to be.
MAX_DEPTH: Final = 100

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_DECODE_CODES: Final = frozenset(
    {ErrorCode.EMPTY_BODY, ErrorCode.NOT_UTF8, ErrorCode.NOT_JSON, ErrorCode.JSON_TOO_DEEP, ErrorCode.NOT_AN_OBJECT}
)


def normalize(index: int, body: bytes, enqueued_at: datetime, rules: tuple[MetricRule, ...]) -> Transaction | Rejection:
    """Any bytes in; a transaction or a rejection out, never an exception. `enqueued_at` stands in for a clock."""
    event: dict[str, Any] = {}
    envelope: dict[str, Any] | None = None
    try:
        event, envelope = _open_envelope(_decode(body))
        return _transaction(event, envelope, enqueued_at, rules)
    except Invalid as error:
        return Rejection(
            index=index,
            stage=Stage.DECODE if error.code in _DECODE_CODES else Stage.VALIDATE,
            code=error.code,
            message=error.message,
            field=error.field,
            event_id=_known(_event_id, event, envelope),
            transaction_id=_known(fields.text, event, "transaction_id", fields.MAX_TEXT),
        )


def _known(read: Callable[..., str | None], *place: object) -> str | None:
    """An id for the search in failed_items, where it is fit to be stored."""
    try:
        return read(*place)
    except Invalid:
        return None


def _decode(body: bytes) -> dict[str, Any]:
    if not body:
        raise Invalid(ErrorCode.EMPTY_BODY, None, "the body is empty")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Invalid(ErrorCode.NOT_UTF8, None, f"the body is not UTF-8: byte {error.start} is wrong") from None
    try:
        value = load_json(text)
    except json.JSONDecodeError as error:
        message = f"the body is not JSON: {error.msg} at character {error.pos}"
        raise Invalid(ErrorCode.NOT_JSON, None, message) from None
    except RecursionError:
        message = f"the JSON is nested deeper than {MAX_DEPTH} levels"
        raise Invalid(ErrorCode.JSON_TOO_DEEP, None, message) from None
    # Counting first spares nearly all bodies the walk, which costs as much as the decoding.
    if text.count("{") + text.count("[") > MAX_DEPTH and _deeper_than(MAX_DEPTH, value):
        raise Invalid(ErrorCode.JSON_TOO_DEEP, None, f"the JSON is nested deeper than {MAX_DEPTH} levels")
    if not isinstance(value, dict):
        message = f"the body is {fields.json_type(value)}, not a JSON object"
        raise Invalid(ErrorCode.NOT_AN_OBJECT, None, message)
    return value


def _deeper_than(limit: int, value: object) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return False
    return True


def load_json(text: str) -> Any:
    """A JSON text as Python values, its numbers as their exact characters."""
    return json.loads(text, parse_int=IntegerText, parse_float=FractionText, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise Invalid(ErrorCode.NOT_JSON, None, f"{name} is not JSON")


def _open_envelope(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The event and, where there is one, the CloudEvents 1.0 envelope (structured mode) around it."""
    if body.get("specversion") is None or ("transaction_id" in body and not {"data", "data_base64"} & set(body)):
        return body, None
    if body["specversion"] != "1.0":
        raise Invalid(ErrorCode.ENVELOPE_INVALID, "specversion", "only CloudEvents specversion 1.0 is understood")
    if not isinstance(body.get("data"), dict):
        raise Invalid(ErrorCode.ENVELOPE_INVALID, "data", "the envelope's data must be a JSON object")
    for field in ("id", "source"):
        if fields.text(body, field, 1 << 16) is None:
            raise Invalid(ErrorCode.ENVELOPE_INVALID, field, f"the envelope's {field} is missing or blank")
    return body["data"], body


def _transaction(
    event: dict[str, Any], envelope: dict[str, Any] | None, enqueued_at: datetime, rules: tuple[MetricRule, ...]
) -> Transaction:
    transaction_id = fields.required_text(event, "transaction_id", fields.MAX_TEXT)
    if envelope is not None:
        outer = {"event_type": envelope.get("type"), "occurred_at": envelope.get("time")}
        event = {**event, **{key: value for key, value in outer.items() if event.get(key) is None}}
    event_type = fields.required_text(event, "event_type", fields.MAX_NAME)
    occurred_at = fields.timestamp(event.get("occurred_at"), "occurred_at", enqueued_at)
    currency = fields.currency(event)
    amount = fields.amount(event, currency)
    metrics = {}
    unusable = 0
    for rule in rules:
        if rule.path == ("amount",):
            metrics[rule.name] = amount
            continue
        present, value = _find(event, rule.path)
        number = fields.metric(value)
        if number is not None:
            metrics[rule.name] = number
        elif present:
            unusable += 1
    occurred_at_us = (occurred_at - _EPOCH) // _US
    return Transaction(
        event_id=_event_id(event, envelope) or fields.derived_id(transaction_id, event_type, occurred_at_us),
        transaction_id=transaction_id,
        event_type=event_type,
        occurred_at=occurred_at,
        amount=amount,
        currency=currency,
        payment_method=fields.required_text(event, "payment_method", fields.MAX_NAME),
        payment_status=fields.required_text(event, "payment_status", fields.MAX_NAME),
        correlation_id=fields.optional_uuid(event, "correlation_id"),
        merchant_id=fields.text(event, "merchant_id", fields.MAX_TEXT),
        customer_id=fields.text(event, "customer_id", fields.MAX_TEXT),
        metrics=metrics,
        unusable_metrics=unusable,
    )


def _event_id(event: dict[str, Any], envelope: dict[str, Any] | None) -> str | None:
    own = fields.text(event, "event_id", 1 << 16)
    if envelope is not None:
        return fields.id_in_source(str(envelope["source"]), own or str(envelope["id"]))
    if own is None:
        return None
    canonical = fields.as_uuid(own)
    if canonical is None:
        message = "event_id is no UUID; send one, or use a CloudEvents envelope, whose source makes any id unique"
        raise Invalid(ErrorCode.EVENT_ID_WITHOUT_SOURCE, "event_id", message)
    return canonical


def _find(event: dict[str, Any], path: tuple[str, ...]) -> tuple[bool, object]:
    """Whether something stands at a path, and what. Absent, null and the empty text are nothing."""
    value: object = event
    for key in path:
        if not isinstance(value, dict):
            return False, None
        value = value.get(key)
    return value is not None and value != "", value
