"""Reconciles of several days, one after the other, in a process of its own: what each day needed at most.

All that is held at a time is small here, so that what grows with the number of events is seen after a few thousand.
"""

import json
import sys
import tracemalloc
from datetime import date
from typing import Any, Final

import pyarrow as pa
from conftest import ArchiveContainer, Database
from tests.integration.reconciling import reconcile
from tests.integration.system import System

from payments_storage.reconcile import archive, copied, index, orphans, running, snapshot
from payments_storage.reconcile.span import Span

_SMALL: Final[list[tuple[Any, str, object]]] = [
    (archive, "_CHUNK_EVENTS", 150),
    (archive, "_AHEAD_EVENTS", 1_000),
    (copied, "_BLOCK_BYTES", 32 << 10),
    (index, "_BUCKETS", pa.scalar((1 << 8) - 1, pa.int64())),
    (running, "_PENDING_ROWS", 100),
    (orphans, "_PAGE", 10),
    (snapshot, "_FETCH", 10),
]


def main(dsn: str, container: str, connection_string: str, *days: str) -> None:
    for module, name, value in _SMALL:
        assert hasattr(module, name)
        setattr(module, name, value)
    found = []
    tracemalloc.start()
    stores = ArchiveContainer(connection_string, container, f"{container}-dead-letters")
    with System(Database("", dsn, "", "", ""), stores) as system:
        for day in days:
            tracemalloc.reset_peak()
            findings = reconcile(system, Span.of_day(date.fromisoformat(day)))
            found.append(
                {
                    "events": findings["payloads"].compared["events"],
                    "differences": findings.count,
                    "Python": tracemalloc.get_traced_memory()[1],
                    "Arrow": pa.default_memory_pool().max_memory(),
                }
            )
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
