"""What PostgreSQL says about how far a worker process has come with its delivery."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import psutil
import psycopg

from .system import TABLES

BEFORE: Final = "before BEGIN"
COMMITTED: Final = "committed, not answered"
ANSWERED: Final = "answered"
OUTSIDE: Final = frozenset({BEFORE, COMMITTED, ANSWERED})
"""Anything else that `stand_of` says is a place within a transaction."""

_PLACES: Final = re.compile(rf"BEGIN|COMMIT|ROLLBACK|{'|'.join(TABLES)}")
_PATIENCE: Final = 60.0


class Sessions:
    """Looks with the writer's own login, which is shown the statements of its sessions."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def stand_of(self, process: psutil.Process, sent: float) -> str:
        """Where a worker is that got a batch at `sent` (seconds since 1970): the table of the statement that it is in,
        or was in last, if a transaction is open.
        """
        ports = [connection.laddr.port for connection in process.net_connections("tcp")]
        found = self._connection.execute(
            "SELECT state, query, state_change FROM pg_stat_activity "
            "WHERE client_port = ANY(%s) AND datname = current_database() ORDER BY state_change DESC LIMIT 1",
            [ports],
        ).fetchone()
        if found is None:
            return BEFORE
        state, query, changed = found
        if state == "idle":
            return COMMITTED if changed >= datetime.fromtimestamp(sent, UTC) else BEFORE
        place = _PLACES.search(query)
        return place[0] if place else "another statement"

    def wait_until_alone(self) -> None:
        """Until the sessions of all the others, dead or dismissed, have ended."""
        deadline = time.monotonic() + _PATIENCE
        others = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
        while self._connection.execute(others).fetchone() != (0,):
            if time.monotonic() > deadline:
                raise TimeoutError(f"sessions of ended workers are still there after {_PATIENCE} s")
            time.sleep(0.02)


@contextmanager
def open_sessions(dsn: str) -> Iterator[Sessions]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield Sessions(connection)
