"""The typed shape of an ordinary event on the wire, decoded by msgspec in one step.

It admits only what needs no second thought; whatever does not fit is left to `normalize`, so this
shape may be strict but never lenient. Amounts stay `Raw`: the characters of the JSON text.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta, Raw

from payments_core import fields
from payments_core.currency import MINOR_UNITS
from payments_core.rules import MetricRule

NameText = Annotated[str, Meta(min_length=1, max_length=fields.MAX_NAME)]
IdText = Annotated[str, Meta(min_length=1, max_length=fields.MAX_TEXT)]
Instant = Annotated[datetime, Meta(tz=True)]

if TYPE_CHECKING:
    CurrencyCode = str
else:
    CurrencyCode = Literal[tuple(MINOR_UNITS)]

ABSENT = Raw(b"")


class WireEvent(msgspec.Struct, gc=False):
    """An event's own fields; `wire_types` adds those of the metric rules."""

    transaction_id: IdText
    amount: Raw
    currency: CurrencyCode
    payment_method: NameText
    payment_status: NameText
    event_type: NameText | None = None
    occurred_at: Instant | None = None
    event_id: str | None = None
    correlation_id: str | None = None
    merchant_id: IdText | None = None
    customer_id: IdText | None = None
    specversion: str | None = None


class WireEnvelope(msgspec.Struct, gc=False):
    """What a CloudEvents 1.0 envelope says of the event in its `data`."""

    specversion: Literal["1.0"]
    id: IdText
    source: IdText
    type: NameText | None = None
    time: Instant | None = None


def _tree(rules: tuple[MetricRule, ...]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for rule in rules:
        node = tree
        for key in rule.path[:-1]:
            node = node.setdefault(key, {})
        node.setdefault(rule.path[-1], None)
    tree.pop("amount", None)
    return tree


def _fields(tree: dict[str, Any], names: dict[str, str]) -> list[tuple[str, Any, Any]]:
    """Struct fields for a tree of rule paths; JSON keys need not be Python names, so they get numbers."""
    result: list[tuple[str, Any, Any]] = []
    for key, below in tree.items():
        name = f"m{len(names)}"
        names[name] = key
        if below is None:
            result.append((name, Raw, ABSENT))
        else:
            inner: dict[str, str] = {}
            nested = msgspec.defstruct("Nested", _fields(below, inner), rename=inner.get, gc=False)
            result.append((name, nested | None, None))
    return result


def wire_types(rules: tuple[MetricRule, ...]) -> tuple[type[WireEvent], type[WireEnvelope]]:
    """The plain event, and the envelope with such an event in `data`, for these rules."""
    names: dict[str, str] = {}
    members = _fields(_tree(rules), names)
    event = msgspec.defstruct("Event", members, bases=(WireEvent,), rename=names.get, gc=False)
    envelope = msgspec.defstruct("Envelope", [("data", event)], bases=(WireEnvelope,), kw_only=True, gc=False)
    return cast("type[WireEvent]", event), cast("type[WireEnvelope]", envelope)


def raw_reader(rules: tuple[MetricRule, ...], path: tuple[str, ...]) -> Callable[[Sequence[Any]], list[bytes]]:
    """A function from decoded events to the JSON texts at a rule's path; empty where nothing stands there."""
    first, *nested = _attributes(_tree(rules), path)

    def read(events: Sequence[Any]) -> list[bytes]:
        values = map(attrgetter(first), events)
        for attribute in nested:
            values = map(partial(_attribute, attribute), values)
        return list(map(bytes, values))

    return read


def _attribute(name: str, value: Any) -> Any:
    return ABSENT if value is None or value is ABSENT else getattr(value, name)


def _attributes(tree: dict[str, Any], path: tuple[str, ...]) -> tuple[str, ...]:
    attributes = []
    for key in path:
        attributes.append(f"m{list(tree).index(key)}")
        tree = tree[key]
    return tuple(attributes)
