"""The small files that are to be merged, and in which portions."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

TARGET_BYTES: Final = 128 << 20
SMALL_BYTES: Final = TARGET_BYTES // 2
"""A file below this is merged again; one above is left as it is."""
_MERGED_AGAIN: Final = 4
"""So many small compacted files of an hour are merged again: with fewer, each late event would write the hour anew."""
_PORTION_BYTES: Final = 16 * TARGET_BYTES
_PORTION_FILES: Final = 20_000


@dataclass(frozen=True, slots=True)
class SmallFile:
    """A row of the manifest; `hour` (UTC) is that of its earliest event."""

    path: str
    rows: int
    bytes: int
    hour: int
    max_occurred_at: datetime
    of_batch: bool


def worth_merging(files: Sequence[SmallFile]) -> list[SmallFile]:
    """All files of batches, and compacted ones of hours that have enough of them."""
    hours = Counter(file.hour for file in files if not file.of_batch)
    return [file for file in files if file.of_batch or hours[file.hour] >= _MERGED_AGAIN]


def portions(files: Sequence[SmallFile]) -> Iterator[list[SmallFile]]:
    """What one compaction takes on: enough for 16 files of the target's size. Each ends in a commit of its own."""
    portion: list[SmallFile] = []
    size = 0
    for file in files:
        portion.append(file)
        size += file.bytes
        if size >= _PORTION_BYTES or len(portion) >= _PORTION_FILES:
            yield portion
            portion, size = [], 0
    if len(portion) > 1:
        yield portion
