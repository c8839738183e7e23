"""Measures what docs/compaction.md says: how fast files of batches are compacted, and who uses the processors.

Once by the command on Azurite, and once the same files on a local disk: what is left without any server.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from azure.storage.blob import ContainerClient
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from benchmarks.query.command import command, payments
from benchmarks.query.store import Store, opened
from benchmarks.query.traffic import Traffic
from payments_core.rules import load_rules
from payments_storage.archive_path import archive_path
from payments_storage.compact.inputs import SmallFile
from payments_storage.compact.merge import Merge
from payments_storage.compact.outputs import Outputs
from payments_storage.compact.reading import Reading
from payments_storage.raw_event import to_parquet

START = datetime(2026, 8, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def main() -> None:
    arguments = _arguments()
    if arguments.local is not None:
        sys.stdout.write(json.dumps({"events": _compact_locally(arguments.local)}))
        return
    for size in arguments.sizes:
        with opened() as store, tempfile.TemporaryDirectory() as folder:
            made = fill(store, arguments.events, size, Path(folder))
            what = (sys.executable, "-m", "benchmarks.query.compact", "--local", folder)
            _say({"events a file": size, "files": made}, arguments.events, "local", command(store, *what))
            _say(
                {"events a file": size, "files": made},
                arguments.events,
                "Azurite",
                payments(store, "events", "compact"),
            )


def _say(of: dict[str, Any], events: int, where: str, found: tuple[dict[str, Any], dict[str, Any]]) -> None:
    report, figures = found
    if report["events"] != events:
        raise AssertionError(report)
    rate = {"where": where, "events/s": round(events / figures["s"])}
    sys.stdout.write(json.dumps({**of, **rate, **figures}) + "\n")
    sys.stdout.flush()


def fill(store: Store, events: int, size: int, folder: Path) -> int:
    """An hour of batches of this size, as they arrive, in Azurite and in the folder. Returns how many files."""
    traffic = Traffic(load_rules((files("payments_core") / "metrics.toml").read_text()), min(events, 300_000))
    rows = []
    for table in traffic.events(events, START, HOUR):
        rows += [_write(store, table.slice(first, size), folder) for first in range(0, table.num_rows, size)]
    with psycopg.connect(store.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO raw_event_files (path, rows, bytes, min_occurred_at, max_occurred_at, event_hub, "
            "partition_id, first_sequence_number, last_sequence_number) "
            "VALUES (%s, %s, %s, %s, %s, 'payments', %s, %s, %s)",
            rows,
        )
    return len(rows)


def _write(store: Store, batch: pa.Table, folder: Path) -> tuple[Any, ...]:
    """Its row in the manifest."""
    first = batch.slice(0, 1).to_pylist()[0]
    path = archive_path(START.date(), first["enqueued_at"], first["partition_id"], first["sequence_number"])
    data = to_parquet(batch)
    store.container.upload_blob(path, data)
    (folder / f"{path.rpartition('/')[2]} {batch.num_rows}").write_bytes(data)
    times = pc.min_max(batch["occurred_at"]).as_py()
    number = first["sequence_number"]
    place = (first["partition_id"], number, number + batch.num_rows - 1)
    return path, batch.num_rows, len(data), times["min"], times["max"], *place


@dataclass
class _Disk:
    """A folder in place of a container: as much of one as a compaction asks for."""

    folder: Path
    container_name: str = "."

    def list_blobs(self, prefix: str, **_: object) -> Iterator[Any]:
        for entry in os.scandir(self.folder):
            if entry.name.startswith(prefix):
                never = SimpleNamespace(expiry_time=None)
                yield SimpleNamespace(
                    name=entry.name,
                    size=entry.stat().st_size,
                    has_legal_hold=False,
                    immutability_policy=never,
                    blob_tier=None,
                )

    def get_blob_client(self, path: str) -> Any:
        made = (self.folder / path.replace("/", "_")).open("wb")
        return SimpleNamespace(
            stage_block=lambda _id, data, **_: made.write(data), commit_block_list=lambda *_, **__: made.close()
        )


def _compact_locally(folder: Path) -> int:
    """The same work in the same threads, without servers. Returns how many events."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    inputs = [SmallFile(e.name, int(e.name.split()[1]), e.stat().st_size, 0, START, of_batch=True) for e in entries]
    disk = cast("ContainerClient", _Disk(folder))
    reading = Reading(disk, SubTreeFileSystem(str(folder), LocalFileSystem()))
    merge = Merge(None)
    with Outputs(disk, uuid4()) as outputs:
        for content in reading.contents(inputs):
            if content.events is None:
                raise AssertionError(content)
            for table in content.events:
                outputs.write_all(merge.add(table))
        outputs.write_all(merge.rest())
        return sum(file.rows for file in outputs.commit())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 2_500], help="events a file")
    parser.add_argument("--local", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
