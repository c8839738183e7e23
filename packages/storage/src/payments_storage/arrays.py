"""Parameters of `unnest` in PostgreSQL's binary format, made of whole columns: psycopg sees no value of them.

An `Array` is bound as `%(name)b::uuid[]`, with the type that the function here is named after.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple, TypeVar

import psycopg
import pyarrow as pa
from psycopg.adapt import Dumper, PyFormat, Transformer
from psycopg.pq import Format

from payments_core.histogram import LANE, Buckets

T = TypeVar("T")

_NO_ELEMENTS: Final = struct.Struct(">iii")  # dimensions, whether there are nulls, element type
_ELEMENTS: Final = struct.Struct(">iiiii")  # besides: how many, number of the first
_LENGTH: Final = struct.Struct(">i")
_BIGINT: Final = struct.Struct(">q")
_NUMERIC: Final = struct.Struct(">iHhHH")  # bytes; digits of base 10,000, weight of the first, sign, decimals to show
_THREE_DIGITS: Final = struct.Struct(">HHH")
_BASE: Final = 10_000
_DIGITS_A_BUCKET: Final = 3
_DECIMALS_A_BUCKET: Final = 12
_DAYS_TO_2000: Final = 10_957
_YEAR_2000: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_OID: Final = {
    name: psycopg.adapters.types[name].oid for name in ("uuid", "int8", "date", "numeric", "text", "timestamptz")
}


class Array(NamedTuple):
    """A whole parameter, as the server receives it."""

    data: bytes


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj.data


psycopg.adapters.register_dumper(Array, _ArrayDumper)


def uuids(canonical: Sequence[str]) -> Array:
    return _fixed("uuid", 16, bytes.fromhex("".join(canonical).replace("-", "")))


def bigints(values: Sequence[int]) -> Array:
    return _fixed("int8", 8, struct.pack(f">{len(values)}q", *values))


def dates(instants: pa.ChunkedArray) -> Array:
    """The UTC days of a timestamp column without nulls."""
    days = instants.cast(pa.date32()).cast(pa.int32()).to_pylist()
    return _fixed("date", 4, struct.pack(f">{len(days)}i", *(day - _DAYS_TO_2000 for day in days)))


def texts(values: Sequence[str]) -> Array:
    """Of few distinct values: each is encoded once."""
    return _repeating("text", values, str.encode)


def timestamps(values: Sequence[datetime]) -> Array:
    """Of few distinct values, too; aware ones."""
    return _repeating("timestamptz", values, lambda value: _BIGINT.pack((value - _YEAR_2000) // _MICROSECOND))


def decimals(values: Sequence[Decimal]) -> Array:
    """Exact, with no more decimals than each has; equal values are encoded once."""
    dump = Transformer().get_dumper(Decimal(0), PyFormat.BINARY).dump
    return _repeating("numeric", values, lambda value: bytes(dump(value) or b""))


def histograms(packed: Iterable[tuple[Buckets, int]]) -> Array:
    """Packed histograms (docs/adr/0005), each with a count that none of its buckets exceeds. Most are their own; of a
    batch whose keys have an event each, most are the same few.
    """
    keys = [(buckets, most < _BASE) for buckets, most in packed]
    elements = {key: _packed(*key) for key in set(keys)}
    return _array("numeric", len(keys), b"".join([elements[key] for key in keys]))


def _packed(buckets: Buckets, small: bool) -> bytes:  # noqa: FBT001 - part of a key
    """`small` says that no bucket has 10,000 values."""
    lowest, lanes = buckets
    size = -(-lanes.bit_length() // LANE)
    if small:  # then a bucket's 48 bits are its three digits as they stand
        digits = lanes.to_bytes(size * LANE // 8, "big")
    else:
        counts = buckets.counts()
        digits = b"".join(_three_digits(counts.get(index, 0)) for index in range(lowest + size - 1, lowest - 1, -1))
    weight = _DIGITS_A_BUCKET * (lowest + size) - 1
    shown = max(0, -_DECIMALS_A_BUCKET * lowest)
    return _NUMERIC.pack(len(digits) + 8, _DIGITS_A_BUCKET * size, weight, 0, shown) + digits


def _three_digits(count: int) -> bytes:
    return _THREE_DIGITS.pack(count // _BASE**2, count // _BASE % _BASE, count % _BASE)


def _repeating(name: str, values: Sequence[T], encode: Callable[[T], bytes]) -> Array:
    elements = {value: _element(encode(value)) for value in set(values)}
    return _array(name, len(values), b"".join([elements[value] for value in values]))


def _element(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _fixed(name: str, width: int, values: bytes) -> Array:
    """Elements of one width: their lengths are set between them, a byte of all elements at a time."""
    count = len(values) // width
    data = bytearray(_LENGTH.pack(width) + bytes(width)) * count
    for place in range(width):
        data[_LENGTH.size + place :: _LENGTH.size + width] = values[place::width]
    return _array(name, count, bytes(data))


def _array(name: str, count: int, elements: bytes) -> Array:
    if not count:
        return Array(_NO_ELEMENTS.pack(0, 0, _OID[name]))
    return Array(_ELEMENTS.pack(1, 0, _OID[name], count, 1) + elements)
