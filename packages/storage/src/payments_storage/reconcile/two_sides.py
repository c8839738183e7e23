"""Rows that must be the same on two sides, in any number: by digest, and row by row where that differs."""

from collections.abc import Callable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_storage.reconcile.compare import Unshared, unshared
from payments_storage.reconcile.findings import Check
from payments_storage.reconcile.fingerprint import Digest

_ROWS_AT_MOST: Final = 200_000


class TwoSides:
    """First everything is shown to `expect` and `find`. If then there are `suspects`, everything is shown again, to
    `expect_again` and `find_again`, which keep the rows of suspect buckets.
    """

    def __init__(self, schema: pa.Schema, key: list[str], bucket_of: Callable[[pa.Table], pa.Array]) -> None:
        self._key = key
        self._bucket_of = bucket_of
        self._expected, self._found = Digest(), Digest()
        self._expected_again, self._found_again = [schema.empty_table()], [schema.empty_table()]
        self.suspects: list[int] = []

    def expect(self, rows: pa.Table) -> None:
        self._expected.add(self._bucket_of(rows), rows)

    def find(self, rows: pa.Table) -> None:
        self._found.add(self._bucket_of(rows), rows)

    def suspect(self, check: Check) -> list[int]:
        """The buckets to look at again; those beyond what fits into memory are counted instead."""
        expected, found = self._expected.by_bucket(), self._found.by_bucket()
        rows = 0
        for bucket in sorted(expected.keys() | found.keys()):
            due, there = expected.get(bucket, (0, 0)), found.get(bucket, (0, 0))
            if due == there:
                continue
            if self.suspects and rows + due[0] + there[0] > _ROWS_AT_MOST:
                check.differs_unnamed(at_least=max(1, abs(due[0] - there[0])))
                continue
            rows += due[0] + there[0]
            self.suspects.append(bucket)
        return self.suspects

    def expect_again(self, rows: pa.Table) -> None:
        self._expected_again.append(self._suspect_rows(rows))

    def find_again(self, rows: pa.Table) -> None:
        self._found_again.append(self._suspect_rows(rows))

    def _suspect_rows(self, rows: pa.Table) -> pa.Table:
        return rows.filter(pc.is_in(self._bucket_of(rows), pa.array(self.suspects, pa.int64())))

    def unshared(self) -> Iterator[Unshared]:
        """What differs in the rows of the suspect buckets."""
        expected, found = pa.concat_tables(self._expected_again), pa.concat_tables(self._found_again)
        return unshared(expected, found, self._key)
