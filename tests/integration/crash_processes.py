"""Worker processes: started by a warm nursery, told what to commit, killed in mid-work; they end with the nursery."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from .events import Message

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

_PATIENCE: Final = 60.0
_ROOT: Final = Path(__file__).parents[2]


class Worker:
    """A process's end of the line. It may still be starting."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def process(self) -> psutil.Process:
        """There is one as soon as the worker is ready; waits for that."""
        return psutil.Process(self._hear())

    def wait_until_ready(self) -> None:
        _ = self.process

    def send(self, messages: list[Message], partition: str) -> None:
        self._connection.send((messages, partition))

    def answer(self) -> int:
        """How many events are committed."""
        count: int = self._hear()
        return count

    def answers_within(self, seconds: float) -> bool:
        return self._connection.poll(seconds)

    def freeze(self) -> None:
        self.process.suspend()

    def kill(self) -> None:
        self.process.kill()
        self._connection.close()

    def _hear(self) -> Any:
        if not self._connection.poll(_PATIENCE):
            raise TimeoutError(f"a worker says nothing for {_PATIENCE} s")
        return self._connection.recv()


class Nursery:
    """Starts workers on one database and one container."""

    def __init__(self, requests: socket.socket, database: "Database", container: "ArchiveContainer") -> None:
        self._requests = requests
        self._stores = (astuple(database), astuple(container))  # pytest's own conftest module is not for pickling

    def start(self) -> Worker:
        """Returns at once."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._requests, [b"+"], [theirs.fileno()])
        connection = Connection(ours.detach())
        connection.send(self._stores)
        return Worker(connection)


@contextmanager
def open_nursery(database: "Database", container: "ArchiveContainer") -> Iterator[Nursery]:
    ours, theirs = socket.socketpair()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path]),
        "JE_ARROW_MALLOC_CONF": "background_thread:false",  # who forks should have one thread
    }
    with ours, theirs:
        command = [sys.executable, "-m", f"{__package__}.crash_worker", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=_ROOT, env=environment, process_group=0)
        theirs.close()
        try:
            yield Nursery(ours, database, container)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # with its workers, also those that are stopped
            process.wait()
