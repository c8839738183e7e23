"""What PostgreSQL says about how far a worker process has come with its delivery."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from tests.integration.system import TABLES

BEFORE: Final = "before BEGIN"
COMMITTED: Final = "committed, not answered"

_PLACES: Final = re.compile(rf"BEGIN|COMMIT|ROLLBACK|{'|'.join(TABLES)}")
_PATIENCE: Final = 60.0


class Sessions:
    """Looks with the writer's own login, which is shown the statements of its sessions."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def stand_of(self, session: int, sent: float) -> str:
        """Where the worker of a session is that got a batch at `sent` (seconds since 1970).

        BEFORE or COMMITTED; within a transaction, the table of the statement that runs or was the last to run.
        """
        found = self._connection.execute(
            "SELECT state, query, state_change FROM pg_stat_activity WHERE pid = %s", [session]
        ).fetchone()
        if found is None:
            raise AssertionError("a worker's session broke off while the worker lives")
        state, query, changed = found
        if state == "idle":
            return COMMITTED if changed >= datetime.fromtimestamp(sent, UTC) else BEFORE
        place = _PLACES.search(query)
        return place[0] if place else "another statement"

    def wait_until_alone(self) -> None:
        """Until the sessions of all the workers, who are dead by now, have ended."""
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
