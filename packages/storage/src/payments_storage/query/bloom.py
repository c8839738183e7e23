"""Reads bloom filters of a Parquet file: whether a column of a row group can have a value. pyarrow only writes them.

https://parquet.apache.org/docs/file-format/bloomfilter/ (split block, XXH64, not compressed)
"""

import struct
from typing import Any, Final

import xxhash

_SALTS: Final = (
    0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31,
)  # fmt: skip
_BLOCK: Final = struct.Struct("<8I")
_LOW: Final = 0xFFFFFFFF
_SIDE_BY_SIDE: Final = 4
"""Those of other columns lie in between."""


def hash_of(text: str) -> int:
    """Of a value of a text column, as the filters have it."""
    return xxhash.xxh64_intdigest(text.encode())


def place_of(column: Any) -> tuple[int, int] | None:
    """Offset and length in the file, of a column chunk's metadata; None where it has no filter."""
    offset, length = column.bloom_filter_offset, column.bloom_filter_length
    return None if offset is None or length is None else (offset, length)


def read(file: Any, places: list[tuple[int, int]]) -> tuple[list[bytes], int]:
    """The filters at these places of an open file, and the bytes read: in one request where they lie side by side."""
    first, end = min(offset for offset, _ in places), max(offset + length for offset, length in places)
    if end - first > _SIDE_BY_SIDE * sum(length for _, length in places):
        return [file.read_at(length, offset) for offset, length in places], sum(length for _, length in places)
    together = file.read_at(end - first, first)
    return [together[offset - first : offset - first + length] for offset, length in places], len(together)


def can_have(filter_: bytes, hashed: int) -> bool:
    """False only if the value is surely not there; also true of bytes that are no such filter."""
    size = _bitset_bytes(filter_)
    if size is None:
        return True
    blocks = size // _BLOCK.size
    start = len(filter_) - size + ((hashed >> 32) * blocks >> 32) * _BLOCK.size
    words = _BLOCK.unpack_from(filter_, start)
    key = hashed & _LOW
    return all(word >> ((key * salt & _LOW) >> 27) & 1 for word, salt in zip(words, _SALTS, strict=True))


def _bitset_bytes(filter_: bytes) -> int | None:
    """The first field of the header, a zigzag varint; the bits are what follows the header, to the end."""
    if filter_[:1] != b"\x15":
        return None
    number = 0
    for place, byte in enumerate(filter_[1:6]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint
            size = number >> 1
            whole = 0 < size < len(filter_) and size % _BLOCK.size == 0
            return size if whole else None
    return None
