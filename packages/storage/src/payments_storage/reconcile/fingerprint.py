"""Two sets of rows compared in constant memory: a count and a sum of fingerprints for each bucket of rows.

Equal sums stand for equal rows whatever their order; that two different sets agree by accident has a chance of one in
2^64 a bucket. Only buckets that differ are then looked at row by row.
"""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_MULTIPLIER: Final = pa.scalar(
    -7046029254386353131, pa.int64()
)  # odd, its bits without a pattern (2^64 / golden ratio)
_HALF: Final = pa.scalar(32, pa.int64())
_NULL: Final = pa.scalar(0x6E756C6C, pa.int64())
_PARTS: Final = 16


def fingerprints(rows: pa.Table) -> pa.Array:
    """An int64 for each row. Texts are hashed under the process's own key: they compare within one process only."""
    result = pa.repeat(pa.scalar(0, pa.int64()), rows.num_rows)
    for column in rows.columns:
        for words in _words(_one_chunk(column)):
            mixed = pc.multiply(pc.bit_wise_xor(result, words), _MULTIPLIER)  # both wrap around
            result = pc.bit_wise_xor(mixed, pc.shift_right(mixed, _HALF))
    return result


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _words(column: pa.Array) -> list[pa.Array]:
    """The values as integers of 64 bits, null as one of its own."""
    if pa.types.is_string(column.type):
        distinct = column.dictionary_encode()
        hashes = pa.array([hash(text) for text in distinct.dictionary.to_pylist()], pa.int64())
        words = [hashes.take(distinct.indices)]
    elif pa.types.is_decimal128(column.type):
        halves = pa.Array.from_buffers(
            pa.int64(), 2 * len(column), [None, column.buffers()[1]], offset=2 * column.offset
        )
        pairs = pa.FixedSizeListArray.from_arrays(halves, 2)
        valid = column.is_valid()
        none = pa.scalar(None, pa.int64())
        words = [pc.if_else(valid, pc.list_element(pairs, half), none) for half in (0, 1)]
    else:
        words = [column.cast(pa.int32()).cast(pa.int64()) if pa.types.is_date(column.type) else column.cast(pa.int64())]
    return [pc.fill_null(each, _NULL) for each in words]


class Digest:
    """Count and sum of fingerprints by bucket. Its size is that of the buckets, however many rows are added."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []

    def add(self, buckets: pa.Array, rows: pa.Table) -> None:
        """`buckets` (int64) runs in step with the rows."""
        if not rows.num_rows:
            return
        table = pa.table({"bucket": buckets, "sum": fingerprints(rows), "rows": pa.repeat(1, rows.num_rows)})
        self._parts.append(_summed(table))
        if len(self._parts) >= _PARTS:
            self._parts = [_summed(pa.concat_tables(self._parts))]

    def by_bucket(self) -> dict[int, tuple[int, int]]:
        """Bucket -> count and sum."""
        if not self._parts:
            return {}
        self._parts = [_summed(pa.concat_tables(self._parts))]
        columns = (self._parts[0][name].to_pylist() for name in ("bucket", "rows", "sum"))
        return {bucket: (count, total) for bucket, count, total in zip(*columns, strict=True)}


def _summed(table: pa.Table) -> pa.Table:
    grouped = table.group_by("bucket", use_threads=False).aggregate([("sum", "sum"), ("rows", "sum")])
    return grouped.select(["bucket", "sum_sum", "rows_sum"]).rename_columns(["bucket", "sum", "rows"])
