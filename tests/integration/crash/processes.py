"""Worker processes: started by a warm nursery, told what to commit, killed in mid-work; they end with the nursery."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
from tests.integration.events import Message

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

_PATIENCE: Final = 60.0
_LOOK_SECONDS: Final = 0.002
_SILENT: Final = f"a worker says nothing for {_PATIENCE} s"
_ROOT: Final = Path(__file__).parents[3]


class Worker:
    """A process's end of the line. It may still be starting."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def _ids(self) -> tuple[int, int]:
        process, session = self._hear()
        return process, session

    def wait_until_ready(self) -> None:
        _ = self._ids

    @cached_property
    def _process(self) -> psutil.Process:
        return psutil.Process(self._ids[0])

    @property
    def session(self) -> int:
        """The process of PostgreSQL that serves it."""
        return self._ids[1]

    def send(self, messages: list[Message], partition: str, last_exchange: int | None = None) -> None:
        """After so many exchanges with PostgreSQL, if a number is given, the process stops and waits for its death."""
        self._connection.send((messages, partition, last_exchange))

    def answer(self) -> int:
        """How many events are committed."""
        count: int = self._hear()
        return count

    def answers_within(self, seconds: float) -> bool:
        return self._connection.poll(seconds)

    def answers_before_it_stops(self) -> bool:
        deadline = time.monotonic() + _PATIENCE
        while self._process.status() != psutil.STATUS_STOPPED:
            if self._connection.poll(_LOOK_SECONDS):
                return True
            if time.monotonic() > deadline:
                raise TimeoutError(_SILENT)
        return False

    def stop(self) -> None:
        self._process.suspend()

    def kill(self) -> None:
        self._process.kill()
        self._connection.close()

    def _hear(self) -> Any:
        if not self._connection.poll(_PATIENCE):
            raise TimeoutError(_SILENT)
        try:
            return self._connection.recv()
        except EOFError:
            raise RuntimeError("a worker ended by itself; standard error has its traceback") from None


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
        command = [sys.executable, "-m", f"{__package__}.worker", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=_ROOT, env=environment, process_group=0)
        theirs.close()
        try:
            yield Nursery(ours, database, container)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # with its workers, also those that are stopped
            process.wait()
