"""The dead-letter container: deliveries that PostgreSQL could not take, and parked parts of some; oldest first.

A Parquet file holds the exact bodies and positions. Its name comes from them, so that the same again is one file.
"""

import re
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, ContainerClient

from payments_core.event import TIMESTAMP, Delivery
from payments_storage.errors import PermanentStorageError, blob_errors

PENDING: Final = "pending/"
PARKED: Final = "parked/"
UNREADABLE: Final = "unreadable/"
SCHEMA: Final = pa.schema(
    [
        pa.field("body", pa.binary(), nullable=False),
        pa.field("sequence_number", pa.int64(), nullable=False),
        pa.field("enqueued_at", TIMESTAMP, nullable=False),
        pa.field("redactions", pa.int32(), nullable=False),
    ]
)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")
_ATTEMPTS: Final = "attempts"
_NEXT: Final = "next_attempt_at"


class UnreadableLetterError(PermanentStorageError):
    """The file is no delivery that was written here."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that waits. `attempts` counts those of the redrive; before `next_attempt_at` none is due."""

    name: str
    etag: str
    bytes: int
    written_at: datetime
    attempts: int
    next_attempt_at: datetime


class DeadLetters:
    """Reads and writes the container. What another redrive has removed or changed meanwhile is left alone."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    def put(self, delivery: Delivery, reason: str, folder: str = PENDING) -> str:
        """Writes the delivery into the folder, or raises StorageError. Returns the name."""
        columns = {
            "body": delivery.bodies,
            "sequence_number": delivery.sequence_numbers,
            "enqueued_at": delivery.enqueued_at,
            "redactions": [delivery.redactions.get(index, 0) for index in range(len(delivery.bodies))],
        }
        notes = {"event_hub": delivery.event_hub, "partition_id": delivery.partition_id, "reason": reason}
        table = pa.table(columns, SCHEMA).replace_schema_metadata(notes)
        sink = BytesIO()
        pq.write_table(table, sink, compression="zstd")
        name = folder + _name(delivery)
        with blob_errors(f"write {name}"):
            self._container.upload_blob(name, sink.getvalue(), overwrite=True)
        return name

    def pending(self) -> Iterator[DeadLetter]:
        """By the time at which the hub took their first event, the oldest first."""
        return self._list(PENDING)

    def parked(self) -> Iterator[DeadLetter]:
        """What a delivery could do without, in the same order: it comes after everything else that waits."""
        return self._list(PARKED)

    def unreadable(self) -> Iterator[DeadLetter]:
        """What was set aside because no delivery could be read from it."""
        return self._list(UNREADABLE)

    def _list(self, prefix: str) -> Iterator[DeadLetter]:
        with blob_errors(f"list {prefix}"):
            for blob in self._container.list_blobs(name_starts_with=prefix, include=["metadata"]):
                yield _letter(blob)

    def load(self, letter: DeadLetter) -> Delivery | None:
        """None when it is gone. Raises UnreadableLetterError."""
        try:
            with blob_errors(f"read {letter.name}"), suppress(ResourceNotFoundError):
                data = self._container.download_blob(letter.name).readall()
                return _read(data)
        except (pa.ArrowException, KeyError, UnicodeDecodeError, ValueError, OSError) as error:
            raise UnreadableLetterError(f"{letter.name} is no dead letter: {type(error).__name__}") from None
        return None

    def remove(self, letter: DeadLetter) -> None:
        with blob_errors(f"remove {letter.name}"), suppress(ResourceNotFoundError, ResourceModifiedError):
            self._container.delete_blob(letter.name, etag=letter.etag, match_condition=MatchConditions.IfNotModified)

    def postpone(self, letter: DeadLetter, until: datetime) -> None:
        """One more attempt has failed; the next one is due then."""
        metadata = {_ATTEMPTS: str(letter.attempts + 1), _NEXT: until.astimezone(UTC).isoformat()}
        blob = self._container.get_blob_client(letter.name)
        with blob_errors(f"postpone {letter.name}"), suppress(ResourceNotFoundError, ResourceModifiedError):
            blob.set_blob_metadata(metadata, etag=letter.etag, match_condition=MatchConditions.IfNotModified)

    def set_aside(self, letter: DeadLetter) -> None:
        """Moves what cannot be read out of the redrive's way, for a person to look at."""
        name = UNREADABLE + letter.name.rpartition("/")[2]
        with blob_errors(f"set aside {letter.name}"), suppress(ResourceNotFoundError):
            data = self._container.download_blob(letter.name).readall()
            self._container.upload_blob(name, data, overwrite=True)
        self.remove(letter)


def _name(delivery: Delivery) -> str:
    stamp = delivery.enqueued_at[0].astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    hub = f"{_UNSAFE.sub('_', delivery.event_hub)[:60]}-{sha256(delivery.event_hub.encode()).hexdigest()[:8]}"
    partition = _UNSAFE.sub("_", delivery.partition_id)
    numbers = delivery.sequence_numbers
    first, last = numbers[0], numbers[-1]
    # Two parts of overlapping deliveries may begin and end alike and yet not hold the same events.
    whole = last - first + 1 == len(numbers)
    which = "" if whole else "_" + sha256(array("q", numbers).tobytes()).hexdigest()[:8]
    return f"{stamp}_{hub}_p{partition}-{first}-{last}{which}.parquet"


def _letter(blob: BlobProperties) -> DeadLetter:
    attempts, due = _notes(blob)
    return DeadLetter(
        name=blob.name,
        etag=blob.etag,
        bytes=blob.size,
        written_at=blob.last_modified,
        attempts=attempts,
        next_attempt_at=due,
    )


def _notes(blob: BlobProperties) -> tuple[int, datetime]:
    """Attempts so far, and when the next one is due. Notes that somebody else has changed beyond reading begin anew."""
    notes = blob.metadata or {}
    due = blob.creation_time
    try:
        if _NEXT in notes:
            due = datetime.fromisoformat(notes[_NEXT])
        if due.tzinfo is not None:
            return int(notes.get(_ATTEMPTS, 0)), due
    except ValueError:
        pass
    return 0, blob.creation_time


def _read(data: bytes) -> Delivery:
    table = pq.read_table(BytesIO(data))
    notes = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    table = table.select(SCHEMA.names).cast(SCHEMA)
    if not table.num_rows:
        raise ValueError("it holds no event")
    columns = {name: table[name].to_pylist() for name in SCHEMA.names}
    return Delivery(
        event_hub=notes["event_hub"],
        partition_id=notes["partition_id"],
        bodies=columns["body"],
        sequence_numbers=columns["sequence_number"],
        enqueued_at=columns["enqueued_at"],
        redactions={index: count for index, count in enumerate(columns["redactions"]) if count},
    )
