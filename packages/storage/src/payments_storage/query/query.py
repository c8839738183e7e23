"""`ArchiveQuery`: questions to the archive. `query` gives Arrow record batches, `retrieve` gives `RawEvent` objects.

Both are streams in constant memory: a few row groups at a time, however long the range. Files come in the order of
their time; the events of a file in that of the file.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final, Self, TypeVar

import pyarrow as pa
from azure.storage.blob import ContainerClient
from pyarrow.fs import FileSystem

from payments_storage.ahead import ahead
from payments_storage.archive_dataset import open_file_system
from payments_storage.connect import open_connection, open_container
from payments_storage.query.explain import Explain
from payments_storage.query.files import Candidate, Day, Files, Folders, Manifest
from payments_storage.query.problems import IncompleteAnswerError, Problem, Reason, UnreadableFileError, judge
from payments_storage.query.read import Opened, Piece, Reader
from payments_storage.query.repeats import Seen
from payments_storage.query.wanted import Wanted, WantedError
from payments_storage.raw_event import RAW_EVENT_SCHEMA, RawEvent
from payments_storage.settings import ArchiveSettings, StorageSettings

_OPENERS: Final = 16
_CORES: Final = max(2, os.cpu_count() or 2)
_READERS: Final = 2 * _CORES
"""Half of them wait for Blob Storage."""
_READ_AHEAD: Final = _READERS + _CORES
"""Row groups read and not asked for yet, about 14 MB each in memory."""
_T = TypeVar("_T")
_Broken = (pa.ArrowException, OSError, ValueError, KeyError, UnreadableFileError)


class ArchiveQuery:
    """One question at a time."""

    def __init__(self, files: Files, container: ContainerClient, file_system: FileSystem) -> None:
        self.files = files
        self.container = container
        self._file_system = file_system

    @classmethod
    @contextmanager
    def open(cls, settings: ArchiveSettings) -> Iterator[Self]:
        """With StorageSettings by the manifest in PostgreSQL, exact; with ArchiveSettings from the blobs alone."""
        with open_container(settings) as container:
            file_system = open_file_system(settings)
            if not isinstance(settings, StorageSettings):
                yield cls(Folders(container), container, file_system)
                return
            with open_connection(settings) as connection:
                connection.autocommit = True
                yield cls(Manifest(connection), container, file_system)

    def query(
        self, wanted: Wanted, columns: list[str] | None = None, explain: Explain | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The wanted events, of them the columns of RAW_EVENT_SCHEMA that are named, or all.

        Raises ArchivedFileError where a file is in the archive tier, and IncompleteAnswerError after the last batch
        if files could not be read. `explain` counts what was read meanwhile.
        """
        columns = RAW_EVENT_SCHEMA.names if columns is None else columns
        if unknown := [name for name in columns if name not in RAW_EVENT_SCHEMA.names]:
            raise WantedError(f"no such column: {', '.join(unknown)}")
        return _Answer(self, wanted, columns, explain or Explain()).batches(self._file_system)

    def retrieve(self, wanted: Wanted, explain: Explain | None = None) -> Iterator[RawEvent]:
        """The wanted events as objects; otherwise as `query`."""
        for batch in self.query(wanted, explain=explain):
            yield from RawEvent.from_table(pa.Table.from_batches([batch]))


class _Answer:
    """A question on its way: what is open, and what went wrong so far."""

    def __init__(self, archive: ArchiveQuery, wanted: Wanted, columns: list[str], explain: Explain) -> None:
        self._files = archive.files
        self._container = archive.container
        self._wanted = wanted
        self._columns = columns
        self._explain = explain
        self._problems: dict[str, Problem] = {}

    def batches(self, file_system: FileSystem) -> Iterator[pa.RecordBatch]:
        # Repeats are told by their id, which is read for it and taken away again.
        seen = None if self._files.exact else Seen()
        read = self._columns if seen is None else list(dict.fromkeys([*self._columns, "event_id"]))
        reader = Reader(file_system, self._container.container_name, self._wanted, read)
        with ThreadPoolExecutor(_OPENERS, "open") as openers, ThreadPoolExecutor(_READERS, "read") as readers:
            try:
                for day in self._files.days(self._wanted, self._explain):
                    if seen is not None:
                        seen.begin_day()
                    for table in self._tables(reader, day, openers, readers):
                        events = table if seen is None else seen.drop(table, self._explain)
                        self._explain.events += events.num_rows
                        yield from events.select(self._columns).to_batches()
            finally:
                openers.shutdown(cancel_futures=True)
                readers.shutdown(cancel_futures=True)
        if self._problems:
            raise IncompleteAnswerError(list(self._problems.values()))

    def _tables(
        self, reader: Reader, day: Day, openers: ThreadPoolExecutor, readers: ThreadPoolExecutor
    ) -> Iterator[pa.Table]:
        pieces = self._pieces(reader, day, openers)
        if reader.looks_first:
            pieces = self._promising(reader, pieces, openers)
        for piece, future in ahead(readers, reader.read, pieces, _READ_AHEAD):
            part = self._outcome(piece.candidate, future, partial(reader.read, piece))
            if part is not None:
                self._explain.row_groups_read += 1
                self._explain.bytes_read += part.bytes
                yield part.found

    def _pieces(self, reader: Reader, day: Day, openers: ThreadPoolExecutor) -> Iterator[Piece]:
        for candidate, future in ahead(openers, reader.open, day.files, _OPENERS):
            opened = self._outcome(candidate, future, partial(reader.open, candidate))
            if opened is not None:
                self._count(opened)
                yield from opened.pieces

    def _promising(self, reader: Reader, pieces: Iterator[Piece], openers: ThreadPoolExecutor) -> Iterator[Piece]:
        """Those that have an event: found by waiting for many small reads at a time."""
        for piece, future in ahead(openers, reader.look, pieces, _OPENERS):
            part = self._outcome(piece.candidate, future, partial(reader.look, piece))
            if part is None:
                continue
            self._explain.bytes_read += part.bytes
            if part.found:
                yield piece
            else:
                self._explain.row_groups_without_a_match += 1

    def _outcome(self, candidate: Candidate, future: "Future[_T]", again: Callable[[], _T]) -> _T | None:
        """What the work gave; None if the file cannot be read, which is then remembered."""
        try:
            return future.result()
        except UnreadableFileError as error:
            problem: Problem | None = Problem(candidate.path, error.reason)
        except _Broken:
            problem = judge(candidate, self._files, self._container)
        if problem is None:  # the way to it may have failed for a moment
            try:
                return again()
            except _Broken:
                problem = Problem(candidate.path, Reason.UNREADABLE)
        self._problems.setdefault(candidate.path, problem)
        return None

    def _count(self, opened: Opened) -> None:
        explain = self._explain
        explain.files_opened += 1
        explain.bytes_read += opened.bytes
        explain.row_groups += opened.row_groups
        explain.row_groups_pruned_by_statistics += opened.pruned_by_statistics
        explain.row_groups_pruned_by_bloom_filter += opened.pruned_by_filters
        explain.pruned_by_statistics += opened.pruned_by_statistics == opened.row_groups
