"""A compaction in a process of its own, that says how large it became.

Its runs and what it reads ahead are small, so that what it must hold at a time is there after a few files already.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Final

from conftest import ArchiveContainer, Database
from tests.integration.compacting import compact
from tests.integration.system import System

from payments_storage.compact import compact as module
from payments_storage.compact import reading
from payments_storage.compact.merge import Merge

_RUN_EVENTS: Final = 4_000
_AHEAD_BYTES: Final = 16 << 20


def main(dsn: str, container: str, connection_string: str) -> None:
    reading._AHEAD_BYTES = _AHEAD_BYTES  # type: ignore[misc]
    module.Merge = partial(Merge, run_events=_RUN_EVENTS)  # type: ignore[assignment, attr-defined]
    archive = ArchiveContainer(connection_string, container, f"{container}-dead-letters")
    with System(Database("", dsn, "", "", ""), archive) as system:
        report = compact(system)
    # Not ru_maxrss: a new process inherits its parent's.
    largest = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
    sys.stdout.write(json.dumps({"events": report.events, "MB": largest}))


if __name__ == "__main__":
    main(*sys.argv[1:])
