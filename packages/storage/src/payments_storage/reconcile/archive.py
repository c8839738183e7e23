"""Reads the files of the manifest once each, and says which of them are not what the manifest claims."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from payments_core.event import EVENT_SCHEMA, TIMESTAMP
from payments_storage.archive_path import day_folder
from payments_storage.compacted_file import UNREADABLE, CompactedFile
from payments_storage.errors import blob_errors
from payments_storage.reconcile.findings import Check, Kind
from payments_storage.reconcile.sequences import Recorded
from payments_storage.reconcile.snapshot import Snapshot
from payments_storage.reconcile.span import Span
from payments_storage.sql import load_queries

_SQL: Final = load_queries("reconcile")

_READERS: Final = 4
_AHEAD_FILES: Final = 16
_AHEAD_EVENTS: Final = 20_000
_CHUNK_EVENTS: Final = 10_000
_NOT_READ: Final = "events of files that cannot be read are missing in every comparison below"


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A row of raw_event_files, in the order of the statement's columns."""

    path: str
    rows: int
    bytes: int
    min_occurred_at: datetime
    max_occurred_at: datetime
    event_hub: str
    compacted: bool
    partition_id: str | None
    first_sequence_number: int | None
    last_sequence_number: int | None


class Archive:
    """Downloads ahead with a few threads, and keeps no more than a few files in memory.

    It is the caller's thread that decodes: Arrow keeps the memory that a thread has freed for that thread, so that each
    that decodes adds what it has ever needed at once.
    """

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    def events(self, snapshot: Snapshot, span: Span, files: Check, recorded: Recorded | None) -> Iterator[pa.Table]:
        """The archived events of a span within one day, in tables of 10,000; the last has what is left."""
        chunk: list[pa.Table] = []
        size = 0
        for row, table in self._tables(snapshot, span, files):
            whole = span.start <= row.min_occurred_at and row.max_occurred_at < span.end
            events = table if whole else within(table, span)
            if recorded is not None:
                recorded.look_up(row.event_hub, events)
            chunk.append(events)
            size += events.num_rows
            while size >= _CHUNK_EVENTS:
                held = pa.concat_tables(chunk)
                yield held.slice(0, _CHUNK_EVENTS)
                chunk, size = [held.slice(_CHUNK_EVENTS)], size - _CHUNK_EVENTS
        if size:
            yield pa.concat_tables(chunk)

    def _tables(self, snapshot: Snapshot, span: Span, files: Check) -> Iterator[tuple[ManifestRow, pa.Table]]:
        """The file of a batch as one table; of a compacted one the row groups that may have events of the span."""
        for row, content in self._contents(snapshot, span):
            files.saw("files")
            files.saw("rows", row.rows)
            files.saw("bytes", row.bytes)
            if not row.compacted:
                events = _usable(files, row, content)
                if events is not None:
                    yield row, events
                continue
            try:
                for events in self._row_groups(files, row, span):
                    yield row, events
            except UNREADABLE:
                _unreadable(files, row, "a damaged file")

    def _row_groups(self, files: Check, row: ManifestRow, span: Span) -> Iterator[pa.Table]:
        file = CompactedFile.open(self._container, row.path)
        if file is None:
            _missing(files, row)
            return
        first, last = file.times
        found = {"rows": file.rows, "bytes": file.bytes, "min_occurred_at": first, "max_occurred_at": last}
        _compare(files, row, found | {"folder": row.path.rpartition("/")[0]})
        for _, events in file.tables(span.start, span.end, EVENT_SCHEMA.names):
            yield events

    def _contents(self, snapshot: Snapshot, span: Span) -> Iterator[tuple[ManifestRow, bytes | None]]:
        """None where Blob Storage has no such file, and for compacted files: they are too large to be held."""
        waiting: deque[tuple[ManifestRow, Future[bytes | None]]] = deque()
        ahead = 0  # events
        with ThreadPoolExecutor(_READERS, "reconcile") as readers:
            try:
                for values in snapshot.each(_SQL["files_of_span"], start=span.start, end=span.end):
                    row = ManifestRow(*values)
                    if row.compacted:
                        yield row, None
                        continue
                    waiting.append((row, readers.submit(self._read, row.path)))
                    ahead += row.rows
                    while len(waiting) > _AHEAD_FILES or ahead > _AHEAD_EVENTS:
                        row, future = waiting.popleft()
                        ahead -= row.rows
                        yield row, future.result()
                for row, future in waiting:
                    yield row, future.result()
            finally:
                readers.shutdown(cancel_futures=True)

    def _read(self, path: str) -> bytes | None:
        with blob_errors(f"read {path}"), suppress(ResourceNotFoundError):
            return self._container.download_blob(path).readall()
        return None


def _decode(data: bytes) -> pa.Table | None:
    """The events; None where the bytes are no Parquet file with the columns of an event."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)  # read ahead it would be by other threads
        return file.read(columns=EVENT_SCHEMA.names, use_threads=False).cast(EVENT_SCHEMA)
    except UNREADABLE:
        return None


def within(events: pa.Table, span: Span) -> pa.Table:
    """Those of the events that occurred in the span."""
    start, end = (pa.scalar(moment, TIMESTAMP) for moment in (span.start, span.end))
    times = events["occurred_at"]
    return events.filter(pc.and_(pc.greater_equal(times, start), pc.less(times, end)))


def _usable(files: Check, row: ManifestRow, content: bytes | None) -> pa.Table | None:
    """The events of the file, whatever else is wrong with it; names what is."""
    if content is None:
        _missing(files, row)
        return None
    events = _decode(content)
    if events is None:
        _unreadable(files, row, f"{len(content)} bytes")
        return None
    _compare(files, row, _describe(row.path, len(content), events))
    return events


def _missing(files: Check, row: ManifestRow) -> None:
    files.note(_NOT_READ)
    files.differs(Kind.FILE_MISSING, row.path, f"{row.rows} rows, {row.bytes} bytes")


def _unreadable(files: Check, row: ManifestRow, found: str) -> None:
    files.note(_NOT_READ)
    files.differs(Kind.FILE_UNREADABLE, row.path, f"{row.rows} rows, {row.bytes} bytes", found)


def _compare(files: Check, row: ManifestRow, found: dict[str, Any]) -> None:
    for name, value in found.items():
        due = day_folder(row.min_occurred_at) if name == "folder" else getattr(row, name)
        if due != value:
            files.differs(Kind.FILE_DIFFERS, row.path, f"{name} {due}", f"{name} {value}")


def _describe(path: str, size: int, events: pa.Table) -> dict[str, Any]:
    times = pc.min_max(events["occurred_at"]).as_py()
    numbers = pc.min_max(events["sequence_number"]).as_py()
    return {
        "rows": events.num_rows,
        "bytes": size,
        "min_occurred_at": times["min"],
        "max_occurred_at": times["max"],
        "partition_id": ", ".join(pc.unique(events["partition_id"]).to_pylist()),
        "first_sequence_number": numbers["min"],
        "last_sequence_number": numbers["max"],
        "folder": path.rpartition("/")[0],
    }
