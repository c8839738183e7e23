"""The worker processes: invocations go to them in turn, and whatever they say comes into one inbox."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Final, Self

from payments.errors import UserError
from payments.host.delivery import Batch
from payments.host.messages import Answer, Loaded, Lost, NotLoaded

_LEAVING_SECONDS: Final = 10.0


@dataclass(frozen=True)
class FromWorker:
    """`worker` counts up over restarts: a number never stands for two processes."""

    worker: int
    message: Loaded | NotLoaded | Answer | Lost


@dataclass(frozen=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    listener: Thread

    def bury(self) -> None:
        """Clean up after a process that has ended, or is just ending."""
        self.process.wait()
        self.listener.join()
        self.connection.close()


class Workers:
    """As many processes as the host's FUNCTIONS_WORKER_PROCESS_COUNT would give."""

    def __init__(self, count: int, folder: Path, defaults: Mapping[str, str]) -> None:
        self.inbox: SimpleQueue[object] = SimpleQueue()
        self._folder = folder
        self._environment = {**defaults, **os.environ}
        self._started = 0
        self._turn = 0
        self._running: dict[int, _Worker] = {}
        self._count = count

    def __enter__(self) -> Self:
        """Start them, and return when every one has loaded the function app."""
        try:
            for _ in range(self._count):
                self._start()
            for _ in range(self._count):
                self._expect_loaded(self.inbox.get())
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let them end by themselves, for the sake of what they hold open; after an exception nobody waits."""
        if kind is None:
            for worker in self._running.values():
                with suppress(OSError):
                    worker.connection.send(None)
            with suppress(subprocess.TimeoutExpired):
                for worker in self._running.values():
                    worker.process.wait(_LEAVING_SECONDS)
        self._kill()

    def send(self, batch: Batch) -> int:
        """Hand a batch to the next worker; which one that was."""
        self._turn += 1
        number = sorted(self._running)[self._turn % len(self._running)]
        with suppress(OSError):  # it just died, and its listener says so
            self._running[number].connection.send(batch)
        return number

    def replace(self, number: int) -> None:
        """A new process in place of a lost one."""
        self._running.pop(number).bury()
        self._start()

    def _expect_loaded(self, said: object) -> None:
        match said:
            case FromWorker(_, NotLoaded(reason)):
                raise UserError(f"The function app in {self._folder} cannot be loaded: {reason}")
            case FromWorker(_, Lost()):
                raise UserError(f"The function app in {self._folder} ends its process while it is loaded.")

    def _kill(self) -> None:
        for worker in self._running.values():
            worker.process.kill()
            worker.bury()
        self._running.clear()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # A process group of its own: Ctrl-C is for the host, which lets running invocations end.
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "payments.host.worker", str(theirs.fileno()), self._folder.resolve()],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
                env=self._environment,
            )
        self._started += 1
        connection = Connection(ours.detach())
        listener = Thread(target=_listen, args=(self._started, connection, self.inbox), daemon=True)
        listener.start()
        self._running[self._started] = _Worker(process, connection, listener)


def _listen(number: int, connection: Connection, inbox: "SimpleQueue[object]") -> None:
    try:
        while True:
            inbox.put(FromWorker(number, connection.recv()))
    except (EOFError, OSError):
        inbox.put(FromWorker(number, Lost()))
