"""Reads one file: first its footer, then the row groups that may have wanted events, of these the columns asked for.

A fragment of pyarrow's dataset does the work; what it reads is counted from the footer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, NamedTuple, TypeVar

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
    """A file whose footer was read, and the row groups that statistics and bloom filters leave."""

    candidate: Candidate
    row_groups: int
    pruned_by_statistics: int
    pruned_by_filters: int
    pieces: list["Piece"]
    bytes: int


class Condition(NamedTuple):
    """What must hold for an event, and the columns that are looked at for it."""

    expression: pc.Expression | None
    columns: set[str]


@dataclass(frozen=True, slots=True)
class Piece:
    """A row group of a file."""

    candidate: Candidate
    fragment: Any = field(repr=False)
    condition: Condition = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part(Generic[_T]):
    """What was found in a piece, and the bytes that it took."""

    found: _T
    bytes: int


class Reader:
    """Reads for one question. Its methods are called by several threads."""

    def __init__(self, file_system: FileSystem, container: str, wanted: Wanted, columns: list[str]) -> None:
        self._file_system = file_system
        self._container = container
        self._format = ds.ParquetFileFormat()
        self._outside = wanted.outside()
        self._condition = _condition(wanted)
        self._without_times = _condition(replace(wanted, start=None, end=None))
        self._columns = columns
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
        left = fragment
        if condition.expression is not None:
            left = fragment.subset(condition.expression, RAW_EVENT_SCHEMA)
        inside = self._row_groups_inside(left) if condition is self._condition else set()
        left = left.split_by_row_group() if left.row_groups else []
        promising, filter_bytes = self._ask_filters(fragment, left)
        return Opened(
            candidate,
            row_groups=metadata.num_row_groups,
            pruned_by_statistics=metadata.num_row_groups - len(left),
            pruned_by_filters=len(left) - len(promising),
            pieces=[
                Piece(candidate, each, self._without_times if each.row_groups[0].id in inside else condition)
                for each in promising
            ],
            bytes=min(candidate.bytes, max(_TAIL_BYTES, metadata.serialized_size + 8)) + filter_bytes,
        )

    def _row_groups_inside(self, fragment: Any) -> set[int]:
        """Of which statistics say that all events occurred at wanted times: looking at each costs a sixth of a scan."""
        if self._outside is None:
            return set()
        may_have_others = {row_group.id for row_group in fragment.subset(self._outside, RAW_EVENT_SCHEMA).row_groups}
        return {row_group.id for row_group in fragment.row_groups} - may_have_others

    def _ask_filters(self, fragment: Any, row_groups: list[Any]) -> tuple[list[Any], int]:
        """Those of the row groups that bloom filters do not rule out, and the bytes of the filters."""
        wanted = [
            (number, place, self._hashes[column.path_in_schema])
            for number, row_group in enumerate(row_groups)
            for column in _columns(row_group)
            if column.path_in_schema in self._hashes and (place := bloom.place_of(column)) is not None
        ]
        if not wanted:
            return row_groups, 0
        with fragment.open() as file:
            filters, read = bloom.read(file, [place for _, place, _ in wanted])
        ruled_out = {
            number
            for (number, _, hashed), found in zip(wanted, filters, strict=True)
            if not bloom.can_have(found, hashed)
        }
        return [each for number, each in enumerate(row_groups) if number not in ruled_out], read

    def look(self, piece: Piece) -> Part[bool]:
        """Whether there is an event that is wanted, by the columns of the conditions alone."""
        count = piece.fragment.count_rows(filter=piece.condition.expression, use_threads=False)
        return Part(count > 0, sum(_sizes(piece.fragment, piece.condition.columns)))

    def read(self, piece: Piece) -> Part[pa.Table]:
        events = piece.fragment.to_table(
            RAW_EVENT_SCHEMA, columns=self._columns, filter=piece.condition.expression, use_threads=False
        )
        return Part(_complete(events), sum(_sizes(piece.fragment, {*self._columns, *piece.condition.columns})))

    def _condition_for(self, candidate: Candidate) -> Condition:
        if candidate.first is None or candidate.last is None:
            return self._condition
        time = pc.field("occurred_at")
        first, last = (pa.scalar(moment, TIMESTAMP) for moment in (candidate.first, candidate.last))
        between = (time >= first) & (time <= last)
        expression, columns = self._condition
        return Condition(between if expression is None else expression & between, {*columns, "occurred_at"})


def _condition(wanted: Wanted) -> Condition:
    return Condition(wanted.condition(), wanted.columns())


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
