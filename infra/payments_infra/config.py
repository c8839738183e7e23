"""Reads the stack's configuration from Pulumi. The only module that knows how Pulumi hands it over."""

import json
from typing import Any

import pulumi

from payments_infra.bounds import check
from payments_infra.settings import KEYS, TYPES, Settings, parse


def load() -> Settings:
    """The settings of the stack that runs. Raises SettingsError."""
    config = pulumi.Config()
    values = {key: _value(config.get(key), TYPES[name]) for key, name in KEYS.items()}
    return check(parse(pulumi.get_stack(), values))


def _value(text: str | None, wanted: Any) -> Any:
    """Pulumi gives every value as text. What is not of the wanted type stays as it is, for `parse` to complain of."""
    if text is None or wanted is str:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
