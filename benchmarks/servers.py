"""PostgreSQL and Azurite of the benchmark's own, durable as in production; a fresh database for each measurement."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psutil
import psycopg

from payments.local import state
from payments.local.azurite import Azurite
from payments.local.database import MIGRATOR, WRITER, create_database, create_logins, drop_database
from payments.local.migrate import migrate
from payments.local.place import Place, clone_place, create, only_one
from payments.local.postgres import PostgresServer

_TEMPLATE: Final = "bench_template"
_DATABASE: Final = "bench"
_CONTAINERS: Final = itertools.count()
_FILLED_AT_ONCE: Final = 1_000_000

SETTINGS: Final = {
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "900",
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "autovacuum_naptime": "15",
}
"""As infra/payments_infra/server_parameters.py sets them in Azure, for a small machine. fsync and synchronous_commit
stay on."""


@dataclass(frozen=True)
class Cpu:
    """Seconds of processor time since the start."""

    postgres: float
    azurite: float

    def since(self, earlier: "Cpu") -> "Cpu":
        return Cpu(self.postgres - earlier.postgres, self.azurite - earlier.azurite)


class Servers:
    """Both servers, running."""

    def __init__(self, postgres: PostgresServer, azurite: Azurite) -> None:
        self.postgres = postgres
        self._azurite = azurite

    @contextmanager
    def fresh(self, environment: Mapping[str, str] | None = None, rows: int = 0) -> Iterator[dict[str, str]]:
        """The settings of an empty system, whose `dynamic_metrics` has so many rows already."""
        container = f"bench-{next(_CONTAINERS)}"
        drop_database(self.postgres, _DATABASE)
        create_database(self.postgres, _DATABASE, _TEMPLATE)
        for name in (container, f"{container}-dead"):
            self._azurite.create_container(name)
        if rows:
            self._fill(rows)
        self.checkpoint()
        try:
            yield {
                "POSTGRES_DSN": self.postgres.dsn(WRITER, _DATABASE),
                "POSTGRES_MIGRATOR_DSN": self.owner_dsn,
                "POSTGRES_AUTH": "password",
                "ARCHIVE_CONNECTION_STRING": self._azurite.connection_string,
                "ARCHIVE_CONTAINER": container,
                "DEAD_LETTER_CONTAINER": f"{container}-dead",
                **(environment or {}),
            }
        finally:
            for name in (container, f"{container}-dead"):
                self._azurite.delete_container(name)
            drop_database(self.postgres, _DATABASE)

    @property
    def owner_dsn(self) -> str:
        return self.postgres.dsn(MIGRATOR, _DATABASE)

    def checkpoint(self) -> None:
        """Each measurement begins alike: nothing left to write, every page to be logged whole once more."""
        with psycopg.connect(self.postgres.dsn("postgres", "postgres"), autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def cpu(self) -> Cpu:
        postmaster, node = self.postgres.process(), self._azurite.process()
        if postmaster is None or node is None:
            raise RuntimeError("a server has stopped; see its log beside its data")
        times = postmaster.cpu_times()  # with the time of the children that have ended
        ended = float(times.children_user + times.children_system)
        return Cpu(ended + sum(map(_seconds, [postmaster, *postmaster.children()])), _seconds(node))

    def prepare(self) -> None:
        drop_database(self.postgres, _TEMPLATE)
        create_database(self.postgres, _TEMPLATE)
        dsn = self.postgres.dsn(MIGRATOR, _TEMPLATE)
        migrate(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SELECT ensure_partitions(current_date - 8, current_date + 1)")

    def _fill(self, rows: int) -> None:
        """Four rows a transaction, in the order of time, as the pipeline leaves them."""
        with psycopg.connect(self.owner_dsn, autocommit=True) as connection:
            connection.execute("SET statement_timeout = 0")
            for start in range(0, rows, _FILLED_AT_ONCE):
                connection.execute(
                    """
                    INSERT INTO dynamic_metrics (
                        transaction_id, correlation_id, metric_type, metric_value, metric_data, created_at
                    )
                    SELECT 'txn_' || left(md5(n::text), 16), md5(n::text)::uuid, name, n %% 50000, '{"unit": "EUR"}',
                        date_trunc('day', now(), 'UTC') + n * interval '1 millisecond'
                    FROM generate_series(%s::bigint / 4, %s::bigint / 4 - 1) AS n,
                        unnest(ARRAY['amount', 'fee_amount', 'processing_time_ms', 'risk_score']) AS name
                    """,
                    (start, min(rows, start + _FILLED_AT_ONCE)),
                )
            connection.execute("VACUUM ANALYZE dynamic_metrics")

    def postgres_version(self) -> str:
        with psycopg.connect(self.postgres.dsn("postgres", "postgres")) as connection:
            return connection.info.parameter_status("server_version") or ""

    def scalar(self, query: str) -> Any:
        with psycopg.connect(self.owner_dsn) as connection:
            ((value,),) = connection.execute(query).fetchall()
            return value


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextmanager
def running() -> Iterator[Servers]:
    """Starts both in a folder beside that of this clone's services, and stops them."""
    with only_one():
        around = clone_place()
        create(around)
        place = Place(around.folder / "bench", around.account)
        create(place)
        remembered = state.load(place.folder) or state.fresh(place.folder)
        remembered.save()
        servers = Servers(PostgresServer(place, remembered, SETTINGS), Azurite(place, remembered))
        try:
            servers._azurite.start()  # noqa: SLF001 - the two belong together
            servers.postgres.start()
            create_logins(servers.postgres)
            servers.prepare()
            yield servers
        finally:
            servers.postgres.stop()
            servers._azurite.stop()  # noqa: SLF001
