"""A worker process that may be killed at any moment: takes batches over a socket, commits each, and answers.

Run as `python -m tests.integration.crash_worker <socket's file descriptor>` it is the nursery: it has imported
everything, and forks a worker for each socket that it is handed. A fresh interpreter for each would cost 0.7 seconds.
"""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection

from conftest import ArchiveContainer, Database

from ingest.translate import speed_up_enqueue_times

from .events import Message
from .system import System


def main(descriptor: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    with socket.socket(fileno=descriptor) as requests:
        while descriptors := socket.recv_fds(requests, 1, 1)[1]:
            if os.fork() == 0:
                break
            os.close(descriptors[0])
        else:
            return  # the conductor is gone
    speed_up_enqueue_times()  # as the function app does
    with Connection(descriptors[0]) as connection:
        _work(connection)


def _work(connection: Connection) -> None:
    """Says its process id when it is ready, and then after each batch how many events it had.

    Whatever fails ends the process with a traceback: while both servers are well, nothing may.
    """
    database, container = connection.recv()
    with System(Database(*database), ArchiveContainer(*container)) as system:
        system.runtime.pipeline.pool.wait()
        connection.send(os.getpid())
        for messages, partition in _batches(connection):
            outcome = system.deliver(messages, partition)
            assert (outcome.deferred, outcome.dead_lettered) == (0, 0)
            connection.send(outcome.delivered)


def _batches(connection: Connection) -> Iterator[tuple[list[Message], str]]:
    with suppress(EOFError, ConnectionResetError):
        while True:
            yield connection.recv()


if __name__ == "__main__":
    main(int(sys.argv[1]))
