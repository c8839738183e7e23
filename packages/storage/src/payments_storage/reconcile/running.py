"""Sums by key over any number of tables, in the memory of the keys: `group_by` once more over what was grouped."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.aggregates import EPOCH, window_start
from payments_storage.reconcile.span import Span

_PENDING_ROWS: Final = 4_000
_PARTS: Final = 64
"""A table of Arrow takes some kilobytes, however few its rows."""

_HOUR: Final = timedelta(hours=1)
_MICROSECOND: Final = timedelta(microseconds=1)


class Running:
    """`ways` says for each column besides the keys how it is added up: sum, min or max."""

    def __init__(self, keys: list[str], ways: dict[str, str]) -> None:
        self._keys = keys
        self._ways = ways
        self._parts: list[pa.Table] = []
        self._pending = 0

    def add(self, rows: pa.Table) -> None:
        """Rows with the columns of keys and ways; those of one key may be many."""
        self.add_grouped(self.grouped(rows))

    def add_grouped(self, part: pa.Table) -> None:
        """The same for rows that are of one key each, as `grouped` returns them."""
        self._parts.append(part)
        self._pending += part.num_rows
        # What is there is gone through again only when half as much has come: so each row is, a few times in all.
        if self._pending >= max(_PENDING_ROWS, self._parts[0].num_rows // 2) or len(self._parts) >= _PARTS:
            self._merge()

    def total(self) -> pa.Table | None:
        """One row for each key; None where nothing was added."""
        if len(self._parts) > 1:
            self._merge()
        return self._parts[0] if self._parts else None

    def _merge(self) -> None:
        self._parts = [self.grouped(pa.concat_tables(self._parts))]
        self._pending = 0

    def grouped(self, rows: pa.Table) -> pa.Table:
        """The rows added up in the same way, without keeping them."""
        grouped = rows.group_by(self._keys, use_threads=False).aggregate(list(self._ways.items()))
        names = [*self._keys, *(f"{name}_{way}" for name, way in self._ways.items())]
        return grouped.select(names).rename_columns([*self._keys, *self._ways])


class Hourly:
    """The same for the very many keys of a day, hour by hour: `group_by` takes several times the memory of what it goes
    through, which so is an hour's at most.
    """

    def __init__(self, keys: list[str], ways: dict[str, str]) -> None:
        self._keys = keys
        self._ways = ways
        self._of_all = Running(["hour", *keys], ways)
        self._hours: dict[int, Running] = {}

    def add(self, moments: pa.ChunkedArray, rows: pa.Table) -> None:
        """`moments` (timestamps, or int64 microseconds) runs in step with the rows; no key is in two hours."""
        grouped = self._of_all.grouped(rows.append_column("hour", window_start(moments, _HOUR)))
        for hour in pc.unique(grouped["hour"]).to_pylist():
            here = grouped.filter(pc.equal(grouped["hour"], pa.scalar(hour, pa.int64())))
            running = self._hours.setdefault(hour, Running(self._keys, self._ways))
            running.add_grouped(here.drop_columns("hour"))

    def totals(self, span: Span) -> Iterator[tuple[int, pa.Table]]:
        """The hours (microseconds since the epoch) that the span touches, each with one row for each key."""
        first, end = ((moment - EPOCH) // _MICROSECOND for moment in (span.start - _HOUR, span.end))
        for hour, running in self._hours.items():
            total = running.total() if first < hour < end else None
            if total is not None:
                yield hour, total
