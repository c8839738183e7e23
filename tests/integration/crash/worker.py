"""A worker process that may be killed at any moment: takes batches over a socket, commits each, and answers.

Run as `python -m tests.integration.crash.worker <socket's file descriptor>` it is the nursery: it has imported
everything, and forks a worker for each socket that it is handed. A fresh interpreter for each would cost 0.7 seconds.
"""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

import psycopg
from conftest import ArchiveContainer, Database
from tests.integration.events import Message
from tests.integration.system import System

from ingest.translate import speed_up_decoding


def main(descriptor: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    with socket.socket(fileno=descriptor) as requests:
        while descriptors := socket.recv_fds(requests, 1, 1)[1]:
            if os.fork() == 0:
                break
            os.close(descriptors[0])
        else:
            return  # the conductor is gone
    speed_up_decoding()  # as the function app does
    with Connection(descriptors[0]) as connection:
        _work(connection)


def _work(connection: Connection) -> None:
    """Says when it is ready the ids of its process and of its session, and after each batch how many events it had.

    Whatever fails ends the process with a traceback: while both servers are well, nothing may.
    """
    database, container = connection.recv()
    with System(Database(*database), ArchiveContainer(*container)) as system:
        pool = system.runtime.pipeline.pool
        pool.wait()  # who asks sooner makes it open a second session
        with pool.connection() as session:
            connection.send((os.getpid(), session.info.backend_pid))
        for messages, partition, last_exchange in _batches(connection):
            if last_exchange is not None:
                _stop_after_exchange(last_exchange)
            outcome = system.deliver(messages, partition)
            assert (outcome.deferred, outcome.dead_lettered) == (0, 0)
            connection.send(outcome.delivered)


def _batches(connection: Connection) -> Iterator[tuple[list[Message], str, int | None]]:
    with suppress(EOFError, ConnectionResetError):
        while True:
            yield connection.recv()


def _stop_after_exchange(number: int) -> None:
    """Stops the process as soon as psycopg has had that many answers. It is not going to be continued."""
    exchanges = count(1)
    wait = psycopg.Connection.wait

    def wait_and_stop(*args: Any, **kwargs: Any) -> Any:
        answer = wait(*args, **kwargs)
        if next(exchanges) == number:
            os.kill(os.getpid(), signal.SIGSTOP)
        return answer

    psycopg.Connection.wait = wait_and_stop  # type: ignore[method-assign]


if __name__ == "__main__":
    main(int(sys.argv[1]))
