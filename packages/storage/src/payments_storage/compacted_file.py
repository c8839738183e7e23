"""A compacted file, read a row group at a time: it is too large to be read whole."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from payments_core.event import EVENT_SCHEMA
from payments_storage.blob_file import BlobReader
from payments_storage.errors import blob_errors

UNREADABLE: Final = (pa.ArrowException, OSError, ValueError, KeyError)
"""What pyarrow raises for bytes that are no Parquet file with the columns of an event."""
_TIME: Final = EVENT_SCHEMA.get_field_index("occurred_at")


class CompactedFile:
    """Everything raises StorageError, and one of UNREADABLE where the file is not what it should be."""

    def __init__(self, container: ContainerClient, path: str, size: int) -> None:
        self.bytes = size
        self._file = pq.ParquetFile(BlobReader(container, path, size))

    @classmethod
    def open(cls, container: ContainerClient, path: str) -> Self | None:
        """None where there is no such blob."""
        with blob_errors(f"look at {path}"):
            try:
                size = container.get_blob_client(path).get_blob_properties().size
            except ResourceNotFoundError:
                return None
        return cls(container, path, size)

    @property
    def rows(self) -> int:
        count: int = self._file.metadata.num_rows
        return count

    @property
    def times(self) -> tuple[datetime, datetime]:
        """Of the earliest and the latest event, as the footer says."""
        numbers = range(self._file.num_row_groups)
        return min(self._times(number)[0] for number in numbers), max(self._times(number)[1] for number in numbers)

    def tables(self, first: datetime, last: datetime, columns: list[str]) -> Iterator[tuple[int, pa.Table]]:
        """Number and content of the row groups that may have events from `first` to `last`, both included."""
        for number in range(self._file.num_row_groups):
            low, high = self._times(number)
            if low <= last and high >= first:
                yield number, self.table(number, columns)

    def every_table(self, columns: list[str]) -> Iterator[pa.Table]:
        """All row groups, in order."""
        for number in range(self._file.num_row_groups):
            yield self.table(number, columns)

    def table(self, number: int, columns: list[str]) -> pa.Table:
        table = self._file.read_row_group(number, columns=columns, use_threads=False)
        return table.cast(pa.schema([EVENT_SCHEMA.field(name) for name in columns]))

    def _times(self, number: int) -> tuple[datetime, datetime]:
        statistics: Any = self._file.metadata.row_group(number).column(_TIME).statistics
        return statistics.min, statistics.max
