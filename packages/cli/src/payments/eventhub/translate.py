"""From the SDK's events to a `Delivery`: exact bytes, sequence numbers, enqueue times in UTC."""

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import cast

from azure.eventhub import EventData
from azure.eventhub.amqp import AmqpMessageBodyType

from payments_core.event import Delivery


def to_delivery(event_hub: str, partition_id: str, events: Sequence[EventData]) -> Delivery:
    """`events` are consecutive, of one partition, at least one."""
    return Delivery(
        event_hub=event_hub,
        partition_id=partition_id,
        bodies=[_body(event) for event in events],
        sequence_numbers=[cast("int", event.sequence_number) for event in events],
        enqueued_at=[event.enqueued_time.astimezone(UTC) for event in events],  # type: ignore[union-attr]
    )


def _body(event: EventData) -> bytes:
    """What a sender of another AMQP library puts into other sections still arrives, as text, and is judged as such."""
    if event.body_type == AmqpMessageBodyType.DATA:
        return b"".join(cast("Iterable[bytes]", event.body))
    if isinstance(event.body, bytes):
        return event.body
    return event.body.encode() if isinstance(event.body, str) else repr(event.body).encode()
