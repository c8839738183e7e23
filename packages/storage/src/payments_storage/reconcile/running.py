"""Sums by key over any number of tables, in the memory of the keys: `group_by` once more over what was grouped."""

from typing import Final

import pyarrow as pa

_PENDING_ROWS: Final = 100_000


class Running:
    """`ways` says for each column besides the keys how it is added up: sum, min or max."""

    def __init__(self, keys: list[str], ways: dict[str, str]) -> None:
        self._keys = keys
        self._ways = ways
        self._parts: list[pa.Table] = []
        self._pending = 0

    def add(self, rows: pa.Table) -> None:
        """Rows with the columns of keys and ways; those of one key may be many."""
        part = self.grouped(rows)
        self._parts.append(part)
        self._pending += part.num_rows
        # What is there is gone through again only when as much has come: so each row is, a few times in all.
        if self._pending >= max(_PENDING_ROWS, self._parts[0].num_rows):
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
