"""`BlobRawEventStore` (WO-64): buffered batch writes of raw events as Parquet files in Blob Storage.

Used as a context manager: leaving it normally flushes, leaving it by an exception drops the buffer, since
its events were never acknowledged. One store serves one thread.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from payments_core.errors import Stage
from payments_storage.archive_path import PlannedFile, plan_files
from payments_storage.blob_file import PARQUET
from payments_storage.errors import PermanentStorageError, blob_errors, our_defects
from payments_storage.raw_event import RAW_EVENT_SCHEMA, RawEvent, to_parquet, to_table


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file that was written: what its manifest row says."""

    path: str
    rows: int
    bytes: int
    min_occurred_at: datetime
    max_occurred_at: datetime
    partition_id: str
    first_sequence_number: int
    last_sequence_number: int


class FileExistsInArchiveError(PermanentStorageError):
    """A file of this name is there: an orphan of an attempt that did not commit, or a file that counts."""


class FileCommittedError(PermanentStorageError):
    """Files of these names count, or did until they were compacted, with events that the index does not know."""

    def __init__(self, paths: list[str]) -> None:
        message = f"the archive already has {paths[0]} with other events; do two Event Hubs share one container?"
        super().__init__(message)
        self.paths = paths


class BlobRawEventStore:
    """Collects events and writes them when there are enough: by count, by bytes in memory, or by age.

    Age is looked at when events are appended and never by a timer; whoever needs an end in time calls
    `flush`, as the function does within each invocation.
    """

    def __init__(
        self,
        container: ContainerClient,
        *,
        max_events: int = 100_000,
        max_bytes: int = 128 * 1024 * 1024,
        max_age: timedelta = timedelta(seconds=60),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._container = container
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._max_age = max_age.total_seconds()
        self._monotonic = monotonic
        self._clear()

    def _clear(self) -> None:
        self._buffer: list[pa.Table] = []
        self._events = 0
        self._bytes = 0
        self._since = 0.0

    def append(self, events: pa.Table | RawEvent) -> list[ArchiveFile]:
        """Adds events (columns of RAW_EVENT_SCHEMA; others are ignored). Returns the files if that made it flush."""
        table = to_table([events]) if isinstance(events, RawEvent) else events.select(RAW_EVENT_SCHEMA.names)
        if not self._buffer:
            self._since = self._monotonic()
        self._buffer.append(table)
        self._events += table.num_rows
        self._bytes += table.nbytes
        old = self._monotonic() - self._since >= self._max_age
        if old or self._events >= self._max_events or self._bytes >= self._max_bytes:
            return self.flush()
        return []

    def flush(self, replacing: Mapping[str, str] | None = None) -> list[ArchiveFile]:
        """Writes all that is buffered, one file a day of `occurred_at`. The buffer is kept if that fails.

        What is there already is replaced only in the state that `replacing` (from `look`) has of it; without that
        it raises FileExistsInArchiveError.
        """
        files = [self._write(planned, (replacing or {}).get(planned.path)) for planned in self._planned()]
        self._clear()
        return files

    def look(self) -> dict[str, str]:
        """Path -> ETag of what is there already under the names that `flush` is going to use.

        An orphan of an attempt that did not commit, or a file that counts: the manifest knows, and is to be asked
        after this and before `flush`. Then a writer that was given up on is refused (HTTP 412), however late it comes.
        """
        seen = {}
        for planned in self._planned():
            with blob_errors(f"look at {planned.path}"), suppress(ResourceNotFoundError):
                seen[planned.path] = self._container.get_blob_client(planned.path).get_blob_properties().etag
        return seen

    def _planned(self) -> list[PlannedFile]:
        return plan_files(pa.concat_tables(self._buffer)) if self._events else []

    def _write(self, planned: PlannedFile, replaced_etag: str | None) -> ArchiveFile:
        with our_defects(Stage.SERIALIZE):
            data = to_parquet(planned.events)
        with blob_errors(f"write {planned.path}"):
            self._upload(planned.path, data, replaced_etag)
        times = pc.min_max(planned.events["occurred_at"]).as_py()
        numbers = pc.min_max(planned.events["sequence_number"]).as_py()
        return ArchiveFile(
            path=planned.path,
            rows=planned.events.num_rows,
            bytes=len(data),
            min_occurred_at=times["min"],
            max_occurred_at=times["max"],
            partition_id=planned.events["partition_id"][0].as_py(),
            first_sequence_number=numbers["min"],
            last_sequence_number=numbers["max"],
        )

    def _upload(self, path: str, data: bytes, replaced_etag: str | None) -> None:
        blob = self._container.get_blob_client(path)
        if replaced_etag is not None:
            unmodified = MatchConditions.IfNotModified
            blob.upload_blob(
                data, overwrite=True, etag=replaced_etag, match_condition=unmodified, content_settings=PARQUET
            )
            return
        try:
            blob.upload_blob(data, overwrite=False, content_settings=PARQUET)
        except ResourceExistsError as error:
            raise FileExistsInArchiveError(f"Blob Storage: {path} is there already") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
        else:
            self._clear()
