"""Compactions in a process that kills itself after a given number of steps, and what is asked of it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .system import System

_ROOT: Final = Path(__file__).parents[2]


class Killed:
    """The nursery, and what is asked of it."""

    def __init__(self, system: System) -> None:
        self._place = [system.database.dsn, system.settings.archive_container]
        connection = system.settings.archive_connection_string
        self._place.append(connection.get_secret_value() if connection else "")

    def __enter__(self) -> Self:
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.killed_worker"],
            cwd=_ROOT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path]),
                "JE_ARROW_MALLOC_CONF": "background_thread:false",  # who forks should have one thread
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._nursery.communicate()

    def compact_and_remove(self, steps: int) -> bool:
        """Whether it came to its end in fewer steps."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        print(json.dumps([*self._place, steps]), file=self._nursery.stdin, flush=True)
        status = int(self._nursery.stdout.readline())
        assert status in (0, -signal.SIGKILL), status
        return status == 0
