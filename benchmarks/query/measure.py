"""Measures what docs/archive.md says: a transaction of millions, a full scan, memory, bytes of an hour of 90 days."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from benchmarks.query.store import Store, opened
from payments_storage.query.explain import Explain
from payments_storage.query.query import ArchiveQuery
from payments_storage.query.wanted import Wanted
from payments_storage.settings import ArchiveSettings, StorageSettings

START = datetime(2026, 8, 1, tzinfo=UTC)
LONG_AGO = datetime(2026, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
A_FILE = 870_000
"""Events in 128 MB as they come; an hour at 240 a second."""


def main() -> None:
    arguments = _arguments()
    if arguments.scan is not None:
        _say(_scan(json.loads(arguments.scan)))
        return
    _say({"cores": os.cpu_count(), "load": os.getloadavg()[0], "events": arguments.events})
    with opened() as store:
        hours = max(1, round(arguments.events / A_FILE))
        size = store.fill(START, hours, arguments.events // hours)
        _say({"files": hours, "MB": round(size / 1e6), "bytes an event": round(size / arguments.events, 1)})
        _say({"a transaction": _identities(store, "transaction_id", arguments.asked)})
        _say({"an event id": _identities(store, "event_id", min(20, arguments.asked))})
        for events in (arguments.events // 10, arguments.events):
            _say({f"a scan of {events:,}": _in_a_process(store, events)})
        _say({f"an hour of {arguments.days} days": _hour_of_days(store, arguments.days, arguments.small)})


def _say(figures: dict[str, Any]) -> None:
    """Each as soon as it is there, with the load it was measured under."""
    sys.stdout.write(json.dumps({**figures, "load": round(os.getloadavg()[0], 1)}) + "\n")
    sys.stdout.flush()


def _identities(store: Store, column: str, asked: int) -> dict[str, Any]:
    """Each asked for once, without a range, in one process that has its connections open."""
    random = Random(1)  # noqa: S311 - a sample
    with ArchiveQuery.open(store.settings) as archive:
        batch = next(archive.query(Wanted(START, START + HOUR), [column]))
        ids = [batch[column][random.randrange(batch.num_rows)].as_py() for _ in range(asked)]
        seconds, worked, read = [], [], []
        for each in ids:
            explain = Explain()
            started, cpu = time.perf_counter(), time.process_time()
            found = list(archive.retrieve(Wanted(**{column: each}), explain))
            seconds.append(time.perf_counter() - started)
            worked.append(time.process_time() - cpu)
            read.append(explain.bytes_read)
            if not found:
                raise AssertionError(each)
    seconds.sort()
    share = median(read) / explain.bytes_of_days
    return {
        "asked": asked,
        "CPU ms": round(1e3 * median(worked)),
        "p50 ms": round(1e3 * median(seconds)),
        "p95 ms": round(1e3 * seconds[int(0.95 * len(seconds))]),
        "bytes read": median(read),
        "share": f"{share:.3%}",
    }


def _in_a_process(store: Store, events: int) -> dict[str, Any]:
    """In a process of its own, for its greatest size in memory."""
    settings = store.settings.model_dump()
    settings |= {name: settings[name].get_secret_value() for name in ("postgres_dsn", "archive_connection_string")}
    task = json.dumps({"settings": settings, "events": events})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.query.measure", "--scan", task],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _scan(task: dict[str, Any]) -> dict[str, Any]:
    events = 0
    explain = Explain()
    with ArchiveQuery.open(StorageSettings.load(**task["settings"])) as archive:
        started, worked = time.perf_counter(), time.process_time()
        for batch in archive.query(Wanted(start=START), explain=explain):
            events += batch.num_rows
            if events >= task["events"]:
                break
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    # Not ru_maxrss: a new process inherits its parent's.
    return {
        "events/s": round(events / seconds),
        "events per CPU second": round(events / cpu),
        "most memory MB": int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024,
        "MB read": round(explain.bytes_read / 1e6),
    }


def _hour_of_days(store: Store, days: int, events_an_hour: int) -> dict[str, Any]:
    size = store.fill(LONG_AGO, days * 24, events_an_hour, base=events_an_hour)
    hour = LONG_AGO + days // 2 * DAY + 10 * HOUR
    found: dict[str, Any] = {"bytes": size}
    kinds: dict[str, Callable[[], Any]] = {
        "by the manifest": lambda: store.settings,
        "by the blobs alone": lambda: ArchiveSettings.load(
            archive_connection_string=store.settings.archive_connection_string,
            archive_container=store.settings.archive_container,
        ),
    }
    for kind, settings in kinds.items():
        explain = Explain()
        started = time.perf_counter()
        with ArchiveQuery.open(settings()) as archive:
            count = sum(batch.num_rows for batch in archive.query(Wanted(hour, hour + HOUR), explain=explain))
        seconds = time.perf_counter() - started
        if count != events_an_hour:
            raise AssertionError(count)
        found[kind] = {"read": explain.bytes_read, "one in": round(size / explain.bytes_read), "s": round(seconds, 2)}
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--asked", type=int, default=100, help="transactions asked for")
    parser.add_argument("--days", type=int, default=90, help="of which an hour is asked for")
    parser.add_argument("--small", type=int, default=2_000, help="events an hour of these")
    parser.add_argument("--scan", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
