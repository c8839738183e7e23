"""One batch as the host hands it to the Python worker, decoded by the library's own converter.

The metadata has the names, JSON and types that the Event Hubs extension gives: times without an offset (they are UTC)
and without trailing zeros, offsets as text, partition keys left out where there is none.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final, cast

import azure.functions as func
from azure.functions.eventhub import EventHubTriggerConverter
from azure.functions.meta import Datum

_NAMESPACE: Final = "local.servicebus.windows.net"


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive events of one partition; their sequence numbers count up from `first_sequence`."""

    hub_name: str
    partition: int
    first_sequence: int
    first_offset: int
    enqueued_at: datetime
    bodies: list[bytes]

    @property
    def last_sequence(self) -> int:
        return self.first_sequence + len(self.bodies) - 1


def decode(batch: Batch, consumer_group: str) -> list[func.EventHubEvent]:
    body = Datum(SimpleNamespace(bytes=batch.bodies), "collection_bytes")
    metadata = trigger_metadata(batch, consumer_group)
    return cast("list[func.EventHubEvent]", EventHubTriggerConverter.decode(body, trigger_metadata=metadata))


def trigger_metadata(batch: Batch, consumer_group: str) -> dict[str, Any]:
    time = _extension_time(batch.enqueued_at)
    sequence_numbers = range(batch.first_sequence, batch.last_sequence + 1)
    offsets = []
    offset = batch.first_offset
    for body in batch.bodies:
        offsets.append(str(offset))
        offset += len(body)
    system_properties = ",".join(
        f'{{"x-opt-sequence-number-epoch":-1,"x-opt-sequence-number":{number},"x-opt-offset":"{offset}",'
        f'"x-opt-enqueued-time":"{time}+00:00","SequenceNumber":{number},"Offset":"{offset}","PartitionKey":null,'
        f'"EnqueuedTimeUtc":"{time}"}}'
        for number, offset in zip(sequence_numbers, offsets, strict=True)
    )
    partition_context = {
        "FullyQualifiedNamespace": _NAMESPACE,
        "EventHubName": batch.hub_name,
        "ConsumerGroup": consumer_group,
        "PartitionId": str(batch.partition),
    }
    count = len(batch.bodies)
    return {
        "PartitionContext": Datum(json.dumps(partition_context), "json"),
        "PartitionKeyArray": Datum(SimpleNamespace(string=[]), "collection_string"),
        "OffsetArray": Datum(SimpleNamespace(string=offsets), "collection_string"),
        "SequenceNumberArray": Datum(SimpleNamespace(sint64=list(sequence_numbers)), "collection_sint64"),
        "EnqueuedTimeUtcArray": Datum(json.dumps([time] * count), "json"),
        "PropertiesArray": Datum(json.dumps([{}] * count), "json"),
        "SystemPropertiesArray": Datum(f"[{system_properties}]", "json"),
    }


def _extension_time(moment: datetime) -> str:
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return text.rstrip("0").removesuffix(".")
