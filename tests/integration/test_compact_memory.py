"""Compaction takes as much memory for many files as for some: they are not all there at once."""

import os
import sys
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pytest

from payments_storage import tables
from payments_storage.connect import transaction
from payments_storage.raw_event import RAW_EVENT_SCHEMA
from payments_storage.raw_event_store import BlobRawEventStore

from .events import NOON
from .measured import figures_of
from .system import System

EVENTS_A_FILE: Final = 2_000
PAYLOAD_BYTES: Final = 5_000
MB_A_FILE: Final = EVENTS_A_FILE * PAYLOAD_BYTES / 1e6


def write_files(system: System, count: int, first: datetime) -> None:
    """Files as batches leave them, a minute each, of payloads that no compression makes small."""
    pipeline = system.runtime.pipeline
    for number in range(count):
        store = BlobRawEventStore(pipeline.container, max_events=EVENTS_A_FILE + 1)
        store.append(large_events(number * EVENTS_A_FILE, first + timedelta(minutes=number)))
        with transaction(pipeline.pool, 30) as connection:
            tables.insert_files(connection.cursor(), "payments", store.flush())


def large_events(first: int, moment: datetime) -> pa.Table:
    numbers = range(first, first + EVENTS_A_FILE)
    payloads = os.urandom(EVENTS_A_FILE * PAYLOAD_BYTES // 2).hex()
    fixed: dict[str, Any] = {"amount": 1, "occurred_at": moment, "enqueued_at": moment, "redactions": 0}
    columns = {
        "event_id": [f"{number:032x}" for number in numbers],
        "transaction_id": [f"txn-{number:08}" for number in reversed(numbers)],
        "event_payload": [payloads[place : place + PAYLOAD_BYTES] for place in range(0, len(payloads), PAYLOAD_BYTES)],
        "sequence_number": list(numbers),
    }
    arrays = [
        pa.array(columns.get(field.name, [fixed.get(field.name, "0")] * EVENTS_A_FILE), field.type)
        for field in RAW_EVENT_SCHEMA
    ]
    return pa.table(arrays, RAW_EVENT_SCHEMA)


def largest_size(system: System) -> dict[str, int]:
    """Of a process that compacts what there is, in MB."""
    found: dict[str, int] = figures_of("compact_worker", system)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a process is read from /proc")
def test_four_times_the_files_take_no_more_memory(system: System) -> None:
    some, many = 12, 48
    write_files(system, some, NOON)
    before = largest_size(system)
    write_files(system, many, NOON - timedelta(days=1))
    after = largest_size(system)
    assert (before["events"], after["events"]) == (some * EVENTS_A_FILE, many * EVENTS_A_FILE)
    assert after["MB"] - before["MB"] < (many - some) * MB_A_FILE / 4
