"""The archive as the memory of last resort: which events it has, where the index of ids may have forgotten them.

Ids are forgotten after the dedup window, and a hub does not deliver for as long; but a dead letter may wait longer, and
a file may be ingested again after a month. It reads every file of the times in question: slow, exact, rarely needed.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from azure.storage.blob import ContainerClient

from payments_core.batch import payload_hashes
from payments_core.repeats import Identity, identities
from payments_storage.compacted_file import CompactedFile
from payments_storage.connect import Pool, transaction
from payments_storage.errors import PermanentStorageError, blob_errors
from payments_storage.sql import load_queries

_SQL: Final = load_queries("ingest")
_COLUMNS: Final = ["event_id", "occurred_at", "event_payload"]
_SECONDS: Final = 30
_EVER: Final = datetime.min.replace(tzinfo=UTC)
_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)


class ArchiveMemory:
    """Looks events up in the files that count. Both methods return identity -> payload hash of those it finds."""

    def __init__(self, pool: Pool, container: ContainerClient) -> None:
        self._pool = pool
        self._container = container

    def of_times(self, events: pa.Table) -> dict[Identity, int]:
        """Reads the files whose events occurred when these did, and what still waits for its file."""
        if not events.num_rows:
            return {}
        with transaction(self._pool, _SECONDS) as connection:
            rows = connection.execute(_SQL["files_of_times"], _times_of_each_day(events)).fetchall()
            parameters = {"event_ids": events["event_id"].to_pylist()}
            deferred = dict(connection.execute(_SQL["deferred_payloads"], parameters).fetchall())
        waiting = {
            identity: payload_hashes([deferred[identity.event_id]])[0].as_py()
            for identity in identities(events)
            if identity.event_id in deferred
        }
        times = pc.min_max(events["occurred_at"]).as_py()
        return waiting | self._of(rows, events, times["min"], times["max"])

    def of_files(self, paths: Iterable[str], events: pa.Table) -> dict[Identity, int]:
        """Reads these files, or what compaction has made of them."""
        with transaction(self._pool, _SECONDS) as connection:
            rows = connection.execute(_SQL["files_with_events_of"], {"paths": list(paths)}).fetchall()
        return self._of(rows, events, _EVER, _ALWAYS)

    def _of(
        self, files: list[tuple[str, bool]], events: pa.Table, first: datetime, last: datetime
    ) -> dict[Identity, int]:
        """`files` are paths, and whether they are compacted ones; these may be read in part, by time."""
        wanted = events["event_id"].combine_chunks()
        found: dict[Identity, int] = {}
        for path, compacted in files:
            tables = self._compacted(path, wanted, first, last) if compacted else [self._whole(path)]
            for table in tables:
                archived = table.filter(pc.is_in(table["event_id"], wanted))
                bodies = [payload.encode() for payload in archived["event_payload"].to_pylist()]
                found |= dict(zip(identities(archived), payload_hashes(bodies).to_pylist(), strict=True))
        return found

    def _whole(self, path: str) -> pa.Table:
        with blob_errors(f"read {path}"):
            data = self._container.download_blob(path).readall()
        return pq.read_table(BytesIO(data), columns=_COLUMNS)

    def _compacted(self, path: str, wanted: pa.Array, first: datetime, last: datetime) -> Iterator[pa.Table]:
        """The row groups that have any of the ids."""
        file = CompactedFile.open(self._container, path)
        if file is None:
            raise PermanentStorageError(f"{path} is missing in Blob Storage: restore it")
        for number, ids in file.tables(first, last, ["event_id"]):
            if pc.any(pc.is_in(ids["event_id"], wanted)).as_py():
                yield file.table(number, _COLUMNS)


def _times_of_each_day(events: pa.Table) -> dict[str, list[datetime]]:
    """The first and the last event of each day: one of long ago must not have all the days in between read."""
    times = events["occurred_at"]
    table = pa.table({"day": times.cast(pa.date32()), "time": times})
    days = table.group_by("day", use_threads=False).aggregate([("time", "min"), ("time", "max")])
    return {"first": days["time_min"].to_pylist(), "last": days["time_max"].to_pylist()}
