"""Which event hub, and how to log in to it: from the environment, in the names of the function app or in our own."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from azure.eventhub import parse_connection_string

from payments.errors import Status, UserError

CONNECTION_STRINGS: Final = ("EVENTHUB_CONNECTION_STRING", "EventHubConnection")
NAMESPACES: Final = ("EVENTHUB_NAMESPACE", "EventHubConnection__fullyQualifiedNamespace")


@dataclass(frozen=True)
class Address:
    """One of `connection_string` and `namespace` is set; by namespace one logs in with an identity."""

    hub: str
    consumer_group: str
    namespace: str | None = None
    connection_string: str | None = field(default=None, repr=False)

    @classmethod
    def load(cls, environment: Mapping[str, str] = os.environ) -> "Address":
        """Raises UserError, which says what to set."""
        given = {name: environment[name] for name in (*CONNECTION_STRINGS, *NAMESPACES) if environment.get(name)}
        hub = environment.get("EVENTHUB_NAME")
        if not given or not hub:
            raise UserError(
                "No event hub is configured. Set EVENTHUB_NAME, and EVENTHUB_CONNECTION_STRING (emulator, or a key) or "
                "EVENTHUB_NAMESPACE (NAME.servicebus.windows.net, by identity).",
                Status.WRONG_USAGE,
            )
        if len(given) > 1:
            raise UserError(f"Set only one of {' and '.join(given)}: both name an event hub.", Status.WRONG_USAGE)
        ((name, value),) = given.items()
        group = environment.get("EVENTHUB_CONSUMER_GROUP") or "$Default"
        if name in NAMESPACES:
            return cls(hub, group, namespace=value)
        _check(name, value, hub)
        return cls(hub, group, connection_string=value)


def _check(name: str, connection_string: str, hub: str) -> None:
    try:
        entity = parse_connection_string(connection_string).eventhub_name
    except ValueError:
        raise UserError(
            f"{name} (not shown) is no Event Hubs connection string such as "
            "Endpoint=sb://HOST/;SharedAccessKeyName=...;SharedAccessKey=...",
            Status.WRONG_USAGE,
        ) from None
    if entity not in (None, hub):
        raise UserError(f"{name} is for the event hub {entity!r}, and EVENTHUB_NAME says {hub!r}.", Status.WRONG_USAGE)
