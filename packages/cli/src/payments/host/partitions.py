"""Which partition a line belongs to: that of its transaction, as a sender with a partition key would have it."""

import re
from typing import Final
from zlib import crc32

# The first one in the line, without parsing it: lines that are no JSON have a partition too.
_TRANSACTION_ID: Final = re.compile(rb'"transaction_id"\s*:\s*("[^"\\]{1,1024}"|[0-9]+)')


def transaction_of(line: bytes) -> bytes | None:
    """As it is written in the line: a text with its quotes, or digits."""
    found = _TRANSACTION_ID.search(line)
    return found[1] if found else None


def partition_of(line: bytes, partitions: int) -> int:
    return crc32(transaction_of(line) or line) % partitions


def spread(lines: list[bytes], partitions: int) -> dict[int, list[bytes]]:
    """The lines by partition, their order kept."""
    by_partition: dict[int, list[bytes]] = {}
    for line in lines:
        by_partition.setdefault(partition_of(line, partitions), []).append(line)
    return by_partition
