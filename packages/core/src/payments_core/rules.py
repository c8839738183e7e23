"""Metric rules (`metrics.toml`): which numbers of an event become rows of `dynamic_metrics`.

A rule has a name, the path of its field, optionally a condition and a unit. Rules are checked when
they are loaded; a bad one raises `RulesError`, which names the rule, the key and the reason.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeGuard

from payments_core.currency import MINOR_UNITS

CONDITION_FIELDS: Final = ("event_type", "currency", "payment_method", "payment_status")
EVENT_FIELDS: Final = frozenset(
    {
        *CONDITION_FIELDS,
        "transaction_id",
        "occurred_at",
        "event_id",
        "correlation_id",
        "merchant_id",
        "customer_id",
        "specversion",
    }
)
MAX_NAME: Final = 100
CURRENCY_UNIT: Final = "$currency"


class RulesError(ValueError):
    """A metric rule cannot be used."""


@dataclass(frozen=True, slots=True)
class MetricRule:
    """`path` leads from the event object to a number. `when` maps an event's field to the values that admit it.

    `unit` is kept beside each value; `$currency` stands for the event's own currency.
    """

    name: str
    path: tuple[str, ...]
    when: Mapping[str, frozenset[str]]
    unit: str | None

    @classmethod
    def parse(cls, number: int, table: object) -> Self:
        if not isinstance(table, Mapping):
            raise RulesError(f"metric rule {number} must be a table with name and field, not {table!r}")
        name = table.get("name")
        where = f"metric rule {number} ({name!r})"
        if not _is_text(name) or len(name) > MAX_NAME:
            raise RulesError(f"{where}: name must be a text of 1 to {MAX_NAME} printable characters")
        unknown = set(table) - {"name", "field", "when", "unit"}
        if unknown:
            raise RulesError(f"{where}: unknown key {min(unknown)!r}; a rule has name, field, when, unit")
        path = table.get("field")
        if not _is_text(path) or not all(path.split(".")) or {'"', "\\"} & set(path):
            raise RulesError(f"{where}: field must be a path such as 'fee_amount' or 'risk.score', not {path!r}")
        head = path.split(".")[0]
        if head in EVENT_FIELDS or path.startswith("amount."):
            raise RulesError(f"{where}: field {path!r} is a text of the event, not a number")
        unit = table.get("unit")
        if unit is not None and not _is_text(unit):
            raise RulesError(f"{where}: unit must be a text such as 'ms', or '{CURRENCY_UNIT}', not {unit!r}")
        return cls(name, tuple(path.split(".")), cls._when(where, table.get("when", {})), unit)

    @staticmethod
    def _when(where: str, when: object) -> dict[str, frozenset[str]]:
        if not isinstance(when, Mapping) or not set(when) <= set(CONDITION_FIELDS):
            raise RulesError(f"{where}: when must be a table over {', '.join(CONDITION_FIELDS)}, not {when!r}")
        conditions: dict[str, frozenset[str]] = {}
        for key, value in when.items():
            values = [value] if isinstance(value, str) else value
            if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
                raise RulesError(f"{where}: when.{key} must be a text or a list of texts, not {value!r}")
            unknown = set(values) - set(MINOR_UNITS) if key == "currency" else set()
            if unknown:
                raise RulesError(f"{where}: when.currency {min(unknown)!r} is not an ISO 4217 code such as EUR")
            conditions[key] = frozenset(values)
        return conditions


def _is_text(value: object) -> TypeGuard[str]:
    """Printable and not blank: names and units stand in tables, fields in the JSON decoder."""
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


def load_rules(toml: str) -> tuple[MetricRule, ...]:
    """The rules of a `metrics.toml` text, in its order."""
    try:
        document = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"metric rules are not valid TOML: {error}") from error
    tables = document.get("metric")
    if set(document) != {"metric"} or not isinstance(tables, list):
        raise RulesError("metric rules must be a list of [[metric]] tables and nothing else")
    rules = tuple(MetricRule.parse(number, table) for number, table in enumerate(tables, start=1))
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise RulesError(f"metric rule {name!r} is there twice; names must differ")
    for rule in rules:
        for other in rules:
            if rule.path != other.path and rule.path == other.path[: len(rule.path)]:
                raise RulesError(f"metric rule {rule.name!r}: its field holds the field of {other.name!r}")
    return rules
