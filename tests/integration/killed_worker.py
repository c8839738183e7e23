"""A compaction in a process of its own that kills itself after a given number of steps.

Run as `python -m tests.integration.killed_worker` it is the nursery: it has imported everything, and forks a child for
each line that it is given, since a fresh interpreter for each would cost seconds.
"""

import json
import os
import signal
import sys
from itertools import count
from typing import Any, Final

import psycopg
from azure.core.pipeline.transport import RequestsTransport
from conftest import ArchiveContainer, Database
from tests.integration.compacting import compact, remove
from tests.integration.system import System

_CHANGING: Final = {"PUT", "DELETE", "POST"}


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _work(*json.loads(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _work(dsn: str, container: str, connection_string: str, steps: int) -> None:
    database = Database("", dsn, "", "", "")
    with System(database, ArchiveContainer(connection_string, container, f"{container}-dead-letters")) as system:
        system.runtime.pipeline.pool.wait()
        _kill_after(steps)
        compact(system)
        remove(system)


def _kill_after(steps: int) -> None:
    """An answer of PostgreSQL is a step, and so is a request that changes Blob Storage."""
    taken = count(1)
    wait, send = psycopg.Connection.wait, RequestsTransport.send

    def step() -> None:
        if next(taken) == steps:
            os.kill(os.getpid(), signal.SIGKILL)

    def wait_and_step(*arguments: Any, **options: Any) -> Any:
        answer = wait(*arguments, **options)
        step()
        return answer

    def send_and_step(transport: RequestsTransport, request: Any, **options: Any) -> Any:
        answer = send(transport, request, **options)
        if request.method in _CHANGING:
            step()
        return answer

    psycopg.Connection.wait = wait_and_step  # type: ignore[method-assign]
    RequestsTransport.send = send_and_step


if __name__ == "__main__":
    main()
