"""The rows that two tables do not share, for tables small enough to be held: exact, whatever the order of the rows."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

Row = dict[str, Any]
_SIDE: Final = "side"


@dataclass(slots=True)
class Unshared:
    """Of one key: rows only in `expected`, rows only in `found`, each as often as it is too many; and common rows."""

    expected: list[Row] = field(default_factory=list)
    found: list[Row] = field(default_factory=list)
    shared: int = 0

    @property
    def first(self) -> Row:
        return (self.expected or self.found)[0]


def unshared(expected: pa.Table, found: pa.Table, key: list[str]) -> Iterator[Unshared]:
    """One result for each key whose rows differ, by key."""
    names = expected.column_names
    sides = ((expected, 1), (found, -1))
    both = pa.concat_tables(
        [
            table.select(names).append_column(_SIDE, pa.repeat(pa.scalar(side, pa.int64()), table.num_rows))
            for table, side in sides
        ]
    )
    rows = both.group_by(names, use_threads=False).aggregate([(_SIDE, "sum"), (_SIDE, "count")])
    by_key: dict[tuple[Any, ...], Unshared] = defaultdict(Unshared)
    for row in rows.sort_by([(name, "ascending") for name in key]).to_pylist():
        surplus, count = row.pop("side_sum"), row.pop("side_count")
        result = by_key[tuple(row[name] for name in key)]
        result.shared += (count - abs(surplus)) // 2
        (result.found if surplus < 0 else result.expected).extend([row] * abs(surplus))
    for result in by_key.values():
        if result.expected or result.found:
            yield result
