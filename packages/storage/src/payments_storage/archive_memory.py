"""The archive as the memory of last resort: which events it has, where the index of ids may have forgotten them.

Ids are forgotten after the dedup window, and a hub does not deliver for as long; but a dead letter may wait longer, and
a file may be ingested again after a month. It reads every file of the times in question: slow, exact, rarely needed.
"""

from collections.abc import Iterable
from datetime import datetime
from io import BytesIO
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from azure.storage.blob import ContainerClient

from payments_core.batch import payload_hashes
from payments_core.repeats import Identity, identities
from payments_storage.connect import Pool, transaction
from payments_storage.errors import blob_errors
from payments_storage.sql import load_queries

_SQL: Final = load_queries("ingest")
_COLUMNS: Final = ["event_id", "occurred_at", "event_payload"]
_SECONDS: Final = 30


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
        return waiting | self.of_files([path for (path,) in rows], events)

    def of_files(self, paths: Iterable[str], events: pa.Table) -> dict[Identity, int]:
        """Reads these files."""
        wanted = events["event_id"].combine_chunks()
        found: dict[Identity, int] = {}
        for path in paths:
            with blob_errors(f"read {path}"):
                data = self._container.download_blob(path).readall()
            archived = pq.read_table(BytesIO(data), columns=_COLUMNS)
            archived = archived.filter(pc.is_in(archived["event_id"], wanted))
            bodies = [payload.encode() for payload in archived["event_payload"].to_pylist()]
            found |= dict(zip(identities(archived), payload_hashes(bodies).to_pylist(), strict=True))
        return found


def _times_of_each_day(events: pa.Table) -> dict[str, list[datetime]]:
    """The first and the last event of each day: one of long ago must not have all the days in between read."""
    times = events["occurred_at"]
    table = pa.table({"day": times.cast(pa.date32()), "time": times})
    days = table.group_by("day", use_threads=False).aggregate([("time", "min"), ("time", "max")])
    return {"first": days["time_min"].to_pylist(), "last": days["time_max"].to_pylist()}
