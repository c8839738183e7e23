"""Sends lines to an event hub: in batches, those of a transaction to one partition and in their order.

The SDK's buffered producer finds the partition of a key as the service does, so that batches fill up though nearly
every event has a key of its own. (A plain batch holds events of one key only.)
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.exceptions import EventHubError
from azure.identity import DefaultAzureCredential

from payments.errors import UserError
from payments.eventhub.address import Address
from payments.host.partitions import transaction_of

_KEY_LENGTH: Final = 128  # of the service
_BUFFER: Final = 1500
_BUFFER_SECONDS: Final = 1.0


def key_of(line: bytes) -> str:
    """The partition key: the transaction id, where it is short enough and there is one; else a digest."""
    found = transaction_of(line)
    text = None if found is None else found.decode(errors="replace").strip('"')
    return text if text and len(text.encode()) <= _KEY_LENGTH else hashlib.sha256(found or line).hexdigest()


class Sender:
    """`send` may return before the hub has the events; `finish` waits for it. `sent` counts what the hub has."""

    def __init__(self, client: EventHubProducerClient, outcome: "Counter[str]") -> None:
        self._client = client
        self._outcome = outcome

    @property
    def sent(self) -> int:
        return self._outcome["sent"]

    def send(self, lines: list[bytes]) -> None:
        """Raises UserError when the hub cannot be reached, or has refused a batch."""
        with _explained():
            for line in lines:
                body = line.removesuffix(b"\n")
                self._client.send_event(EventData(body), partition_key=key_of(line))
        self._check()

    def finish(self) -> None:
        with _explained():
            self._client.flush()
        self._check()

    def _check(self) -> None:
        reasons = [name for name in self._outcome if name != "sent"]
        if reasons:
            lost = sum(self._outcome[name] for name in reasons)
            raise UserError(
                f"The hub has not taken {lost:,} events ({', '.join(reasons)}); it has {self.sent:,}. Produce again "
                "with the same --seed, --end and --span: what is there already counts once."
            )


@contextmanager
def sending(address: Address) -> Iterator[Sender]:
    outcome: Counter[str] = Counter()
    counting = Lock()

    def count(name: str, events: list[Any]) -> None:
        with counting:
            outcome[name] += len(events)

    options: dict[str, Any] = {
        "buffered_mode": True,
        "max_buffer_length": _BUFFER,
        "max_wait_time": _BUFFER_SECONDS,
        "on_success": lambda events, _partition: count("sent", events),
        "on_error": lambda events, _partition, error: count(type(error).__name__, events),
    }
    if address.connection_string is not None:
        client = EventHubProducerClient.from_connection_string(
            address.connection_string, eventhub_name=address.hub, **options
        )
    else:
        client = EventHubProducerClient(str(address.namespace), address.hub, DefaultAzureCredential(), **options)
    try:
        yield Sender(client, outcome)
    finally:
        client.close(flush=False)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except EventHubError as error:
        raise UserError(
            f"The event hub cannot be written to ({type(error).__name__}). Check EVENTHUB_CONNECTION_STRING or "
            "EVENTHUB_NAMESPACE and EVENTHUB_NAME, and that your login may send."
        ) from error
