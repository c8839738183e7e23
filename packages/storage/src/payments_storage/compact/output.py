"""A compacted file while it is written, and its name."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final
from uuid import UUID

import pyarrow.parquet as pq
from azure.storage.blob import ContainerClient

from payments_storage.archive_path import day_folder
from payments_storage.blob_file import BlobWriter
from payments_storage.compact.merge import Run
from payments_storage.raw_event import COMPACTED_OPTIONS, RAW_EVENT_SCHEMA, ROW_GROUP_EVENTS

PREFIX: Final = "compacted_"


def compacted_path(hour: datetime, compaction: UUID, number: int) -> str:
    """Of file `number` of a compaction, whose events occurred in this hour (UTC)."""
    return f"{day_folder(hour.date())}/{PREFIX}{hour:%Y%m%dT%HZ}_{compaction.hex}-{number}.parquet"


class Output:
    """Takes runs (columns of RAW_EVENT_SCHEMA); counts what a manifest row says."""

    def __init__(self, container: ContainerClient, path: str) -> None:
        self.path = path
        self.rows = 0
        self.min_occurred_at: datetime
        self.max_occurred_at: datetime
        self._blob = BlobWriter(container, path)
        self._parquet = pq.ParquetWriter(self._blob, RAW_EVENT_SCHEMA, **COMPACTED_OPTIONS)

    @property
    def bytes(self) -> int:
        return self._blob.bytes

    def write(self, run: Run, taker: ThreadPoolExecutor) -> None:
        first, last = run.times
        self.min_occurred_at = min(first, self.min_occurred_at) if self.rows else first
        self.max_occurred_at = max(last, self.max_occurred_at) if self.rows else last
        self.rows += run.rows
        for row_group in run.take_tables(ROW_GROUP_EVENTS, taker):
            self._parquet.write_table(row_group)

    def commit(self) -> None:
        """Makes it a blob: whole, or not there."""
        self._parquet.add_key_value_metadata(RAW_EVENT_SCHEMA.metadata)
        self._parquet.close()
        self._blob.commit()
