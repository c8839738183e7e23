"""A batch as the Event Hubs extension hands it to the Python worker, decoded by the library's own converter."""

import json
from types import SimpleNamespace
from typing import Any, Final, cast

import azure.functions as func
from azure.functions.eventhub import EventHubTriggerConverter
from azure.functions.meta import Datum

# Three events: the second was sent without a partition key, the third has all seven digits. Offsets are texts.
SYSTEM_PROPERTIES: Final = """[
  {"x-opt-sequence-number":41,"x-opt-offset":"8589934592","x-opt-enqueued-time":"2026-03-14T23:59:58.123+00:00",
   "x-opt-partition-key":"txn-1","SequenceNumber":41,"Offset":"8589934592","PartitionKey":"txn-1",
   "EnqueuedTimeUtc":"2026-03-14T23:59:58.123"},
  {"x-opt-sequence-number":42,"x-opt-offset":"8589934840","x-opt-enqueued-time":"2026-03-14T23:59:59+00:00",
   "SequenceNumber":42,"Offset":"8589934840","PartitionKey":null,"EnqueuedTimeUtc":"2026-03-14T23:59:59"},
  {"x-opt-sequence-number":45,"x-opt-offset":"8589935100","x-opt-enqueued-time":"2026-03-15T00:00:00.1234567+00:00",
   "x-opt-partition-key":"txn-3","SequenceNumber":45,"Offset":"8589935100","PartitionKey":"txn-3",
   "EnqueuedTimeUtc":"2026-03-15T00:00:00.1234567Z"}
]"""
BODIES: Final = [b'{"amount": 1.10}', b"\xff\x00 not text", b""]


def decode(bodies: list[bytes], system_properties: str) -> list[func.EventHubEvent]:
    properties: list[dict[str, Any]] = json.loads(system_properties)
    context = {
        "FullyQualifiedNamespace": "ns.servicebus.windows.net",
        "EventHubName": "payments",
        "ConsumerGroup": "ingest",
        "PartitionId": "17",
    }
    keys = [each["PartitionKey"] for each in properties if each["PartitionKey"] is not None]
    metadata = {
        "PartitionContext": Datum(json.dumps(context), "json"),
        "PartitionKeyArray": Datum(SimpleNamespace(string=keys), "collection_string"),
        "OffsetArray": Datum(SimpleNamespace(string=[each["Offset"] for each in properties]), "collection_string"),
        "SequenceNumberArray": Datum(
            SimpleNamespace(sint64=[each["SequenceNumber"] for each in properties]), "collection_sint64"
        ),
        "EnqueuedTimeUtcArray": Datum(json.dumps([each["EnqueuedTimeUtc"] for each in properties]), "json"),
        "PropertiesArray": Datum(json.dumps([{} for _ in properties]), "json"),
        "SystemPropertiesArray": Datum(system_properties, "json"),
    }
    data = Datum(SimpleNamespace(bytes=bodies), "collection_bytes")
    return cast("list[func.EventHubEvent]", EventHubTriggerConverter.decode(data, trigger_metadata=metadata))
