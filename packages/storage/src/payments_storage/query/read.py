"""Reads one file: first its footer, then the row groups that may have wanted events, of these the columns asked for.

A fragment of pyarrow's dataset does the work; what it reads is counted from the footer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow.fs import FileSystem

from payments_core.event import TIMESTAMP
from payments_storage.query import bloom
from payments_storage.query.files import Candidate
from payments_storage.query.problems import Reason, UnreadableFileError
from payments_storage.query.wanted import Wanted
from payments_storage.raw_event import RAW_EVENT_SCHEMA

_T = TypeVar("_T")
# What pyarrow reads of a file's end at first; a longer footer takes a second request.
_TAIL_BYTES: Final = 64 * 1024
_ADDED_LATER: Final = {"redactions"}
_REQUIRED: Final = {column.name for column in RAW_EVENT_SCHEMA if not column.nullable} - _ADDED_LATER


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose footer was read, and the row groups that its statistics leave."""

    candidate: Candidate
    row_groups: int
    pieces: list["Piece"]
    footer_bytes: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A row group of a file."""

    candidate: Candidate
    fragment: Any = field(repr=False)
    condition: pc.Expression | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part(Generic[_T]):
    """What was found in a piece, and the bytes that it took."""

    found: _T
    bytes: int


class Look(Enum):
    """Whether a row group has a wanted event."""

    THERE = auto()
    NOT_THERE = auto()
    NOT_BY_BLOOM_FILTER = auto()


class Reader:
    """Reads for one question. Its methods are called by several threads."""

    def __init__(self, file_system: FileSystem, container: str, wanted: Wanted, columns: list[str]) -> None:
        self._file_system = file_system
        self._container = container
        self._format = ds.ParquetFileFormat()
        self._condition = wanted.condition()
        self._columns = columns
        self._condition_columns = wanted.columns()
        # Few events are wanted, so most row groups have none: looking at a column or two saves reading all of them.
        self.looks_first = wanted.by_identity
        self._hashes = {name: bloom.hash_of(value) for name, value in wanted.equalities().items()}

    def open(self, candidate: Candidate) -> Opened:
        """Raises UnreadableFileError, or what pyarrow raises."""
        if candidate.bytes == 0:
            raise UnreadableFileError(Reason.EMPTY)
        path = f"{self._container}/{candidate.path}"
        fragment = self._format.make_fragment(path, self._file_system, file_size=candidate.bytes)
        metadata = fragment.metadata
        if candidate.rows is not None and metadata.num_rows != candidate.rows:
            raise UnreadableFileError(Reason.OTHER_ROWS)
        if not _REQUIRED.issubset(fragment.physical_schema.names):
            raise UnreadableFileError(Reason.NO_ARCHIVE_FILE)
        condition = self._condition_for(candidate)
        left = fragment if condition is None else fragment.subset(condition, RAW_EVENT_SCHEMA)
        pieces = [Piece(candidate, each, condition) for each in left.split_by_row_group() if left.row_groups]
        footer = min(candidate.bytes, max(_TAIL_BYTES, metadata.serialized_size + 8))
        return Opened(candidate, metadata.num_row_groups, pieces, footer)

    def look(self, piece: Piece) -> Part[Look]:
        """Whether there is an event that is wanted, by bloom filters and the columns of the conditions alone."""
        asked = self._ask_filters(piece)
        if asked.found is Look.NOT_BY_BLOOM_FILTER:
            return asked
        count = piece.fragment.count_rows(filter=piece.condition, use_threads=False)
        read = asked.bytes + sum(_sizes(piece.fragment, self._condition_columns))
        return Part(Look.THERE if count else Look.NOT_THERE, read)

    def _ask_filters(self, piece: Piece) -> Part[Look]:
        read = 0
        for column in _columns(piece.fragment):
            place = bloom.place_of(column) if column.path_in_schema in self._hashes else None
            if place is None:
                continue
            with self._file_system.open_input_file(piece.fragment.path) as file:
                found = file.read_at(place[1], place[0])
            read += len(found)
            if not bloom.can_have(found, self._hashes[column.path_in_schema]):
                return Part(Look.NOT_BY_BLOOM_FILTER, read)
        return Part(Look.THERE, read)

    def read(self, piece: Piece) -> Part[pa.Table]:
        events = piece.fragment.to_table(
            RAW_EVENT_SCHEMA, columns=self._columns, filter=piece.condition, use_threads=False
        )
        return Part(_complete(events), sum(_sizes(piece.fragment, {*self._columns, *self._condition_columns})))

    def _condition_for(self, candidate: Candidate) -> pc.Expression | None:
        if candidate.first is None or candidate.last is None:
            return self._condition
        time = pc.field("occurred_at")
        first, last = (pa.scalar(moment, TIMESTAMP) for moment in (candidate.first, candidate.last))
        between = (time >= first) & (time <= last)
        return between if self._condition is None else self._condition & between


def _columns(fragment: Any) -> Iterator[Any]:
    """The metadata of the column chunks."""
    for row_group in fragment.row_groups:
        group = fragment.metadata.row_group(row_group.id)
        yield from (group.column(number) for number in range(group.num_columns))


def _sizes(fragment: Any, names: set[str]) -> Iterator[int]:
    return (column.total_compressed_size for column in _columns(fragment) if column.path_in_schema in names)


def _complete(events: pa.Table) -> pa.Table:
    """Files of an older version lack columns, which come as null: of these a number is zero."""
    for name in _ADDED_LATER & set(events.column_names):
        if events[name].null_count:
            place = events.column_names.index(name)
            events = events.set_column(place, RAW_EVENT_SCHEMA.field(name), events[name].fill_null(0))
    return events
