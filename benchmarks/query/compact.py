"""Measures what docs/compaction.md says: how fast the files of batches are compacted, and who uses the processors."""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.query.store import Store, opened
from benchmarks.query.traffic import Traffic
from payments_core.rules import load_rules
from payments_storage.archive_path import archive_path
from payments_storage.raw_event import to_parquet

START = datetime(2026, 8, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
_PAYMENTS = Path(sys.executable).with_name("payments")


def main() -> None:
    arguments = _arguments()
    for size in arguments.sizes:
        with opened() as store:
            made = fill(store, arguments.events, size)
            found = {"events a file": size, "files": made, **_compacted(store, arguments.events)}
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


def fill(store: Store, events: int, size: int) -> int:
    """An hour of batches of this size, as they arrive. Returns how many files."""
    traffic = Traffic(load_rules((files("payments_core") / "metrics.toml").read_text()), min(events, 300_000))
    rows = []
    for table in traffic.events(events, START, HOUR):
        rows += [_write(store, table.slice(first, size)) for first in range(0, table.num_rows, size)]
    with psycopg.connect(store.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO raw_event_files (path, rows, bytes, min_occurred_at, max_occurred_at, event_hub, "
            "partition_id, first_sequence_number, last_sequence_number) "
            "VALUES (%s, %s, %s, %s, %s, 'payments', %s, %s, %s)",
            rows,
        )
    return len(rows)


def _write(store: Store, batch: pa.Table) -> tuple[Any, ...]:
    """Its row in the manifest."""
    first = batch.slice(0, 1).to_pylist()[0]
    path = archive_path(START.date(), first["enqueued_at"], first["partition_id"], first["sequence_number"])
    data = to_parquet(batch)
    store.container.upload_blob(path, data)
    times = pc.min_max(batch["occurred_at"]).as_py()
    number = first["sequence_number"]
    place = (first["partition_id"], number, number + batch.num_rows - 1)
    return path, batch.num_rows, len(data), times["min"], times["max"], *place


def _compacted(store: Store, events: int) -> dict[str, Any]:
    """By the command, in a process of its own: also its start is in the time."""
    before, started = _processors(store), time.perf_counter()
    environment = {**os.environ, **store.writer_environment, "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "")}
    prefix = os.environ.get("PREFIX", "").split()
    done = subprocess.run(
        [*prefix, str(_PAYMENTS), "events", "compact", "--json"],
        check=True,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
    )
    seconds = time.perf_counter() - started
    report = json.loads(done.stdout)
    if report["events"] != events:
        raise AssertionError(report)
    used = {name: round(after - before[name], 2) for name, after in _processors(store).items()}
    return {
        "files after": report["files_after"],
        "s": round(seconds, 2),
        "events/s": round(events / seconds),
        "CPU s": used,
        "most memory MB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "load": round(os.getloadavg()[0], 1),
    }


def _processors(store: Store) -> dict[str, float]:
    """Seconds of processor time so far: of children that have ended, and of the servers."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"command": children.ru_utime + children.ru_stime, "Azurite": store.azurite_seconds()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 2_500], help="events a file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
