"""A PostgreSQL and an Azurite for measuring, with compacted files in them; gone at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.resources import files
from io import BytesIO
from typing import Final

import psutil
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from azure.storage.blob import ContainerClient

from benchmarks.query.traffic import Traffic
from payments.local.azurite import Azurite
from payments.local.database import MIGRATOR, OPERATOR, READER, WRITER, create_database, create_logins
from payments.local.migrate import migrate
from payments.local.place import temporary_place
from payments.local.postgres import PostgresServer
from payments.local.state import fresh
from payments_core.rules import load_rules
from payments_storage.archive_path import day_folder
from payments_storage.connect import open_container
from payments_storage.raw_event import COMPACTED_OPTIONS, ROW_GROUP_EVENTS
from payments_storage.settings import PostgresAuth, StorageSettings

_RUN: Final = 1 << 18
_HOUR: Final = timedelta(hours=1)
_DATABASE: Final = "measured"
_CONTAINER: Final = "measured"


@dataclass(frozen=True)
class Store:
    """An archive to be filled, and the settings to ask it with."""

    settings: StorageSettings
    database: str
    container: ContainerClient
    postgres: PostgresServer
    azurite: Azurite

    @property
    def owner_dsn(self) -> str:
        return self.postgres.dsn(MIGRATOR, self.database)

    @property
    def writer_environment(self) -> dict[str, str]:
        """For commands that write."""
        return {
            "POSTGRES_DSN": self.postgres.dsn(WRITER, self.database),
            "POSTGRES_OPERATOR_DSN": self.postgres.dsn(OPERATOR, self.database),
            "POSTGRES_AUTH": "password",
            "ARCHIVE_CONNECTION_STRING": self.azurite.connection_string,
            "ARCHIVE_CONTAINER": _CONTAINER,
        }

    def with_database(self, name: str) -> "Store":
        """The same archive, with an empty database."""
        create_database(self.postgres, name)
        migrate(self.postgres.dsn(MIGRATOR, name))
        return replace(self, database=name)

    def server_seconds(self) -> dict[str, float]:
        """Of processor time, since their start."""
        processes = {"PostgreSQL": self.postgres.process(), "Azurite": self.azurite.process()}
        return {name: sum(_seconds(each) for each in _family(process)) for name, process in processes.items()}

    def fill(self, start: datetime, hours: int, events_an_hour: int, base: int = 300_000) -> int:
        """A compacted file an hour. Returns the bytes."""
        traffic = Traffic(load_rules((files("payments_core") / "metrics.toml").read_text()), min(base, events_an_hour))
        size = 0
        for number in range(hours):
            hour = start + number * _HOUR
            runs = runs_of(pa.concat_tables(traffic.events(events_an_hour, hour, _HOUR, seed=number)))
            size += self.write(hour, runs, number)
        return size

    def write(self, hour: datetime, runs: list[pa.Table], number: int) -> int:
        """One file of these runs, and its manifest row. Returns the bytes."""
        sink = BytesIO()
        with pq.ParquetWriter(sink, runs[0].schema, **COMPACTED_OPTIONS) as writer:
            for run in runs:
                writer.write_table(run, row_group_size=ROW_GROUP_EVENTS)
        path = f"{day_folder(hour)}/compacted_{hour:%Y%m%dT%HZ}-{number}.parquet"
        self.container.upload_blob(path, sink.getvalue())
        times = [pc.min_max(run["occurred_at"]).as_py() for run in runs]
        row = (
            path,
            sum(run.num_rows for run in runs),
            len(sink.getvalue()),
            min(time["min"] for time in times),
            max(time["max"] for time in times),
        )
        with psycopg.connect(self.owner_dsn) as connection:
            connection.execute(
                "INSERT INTO raw_event_files (path, rows, bytes, min_occurred_at, max_occurred_at, event_hub, "
                "partition_id, first_sequence_number, last_sequence_number) "
                "VALUES (%s, %s, %s, %s, %s, 'payments', '', 0, 0)",
                row,
            )
        return len(sink.getvalue())


def _family(process: psutil.Process | None) -> list[psutil.Process]:
    return [] if process is None else [process, *process.children(recursive=True)]


def _seconds(process: psutil.Process) -> float:
    """Its own and those of its children that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def runs_of(events: pa.Table) -> list[pa.Table]:
    """The events of an hour as compaction orders them: runs in the order of time, each sorted by transaction."""
    order = [("transaction_id", "ascending"), ("occurred_at", "ascending")]
    return [events.slice(first, _RUN).sort_by(order) for first in range(0, events.num_rows, _RUN)]


@contextmanager
def opened() -> Iterator[Store]:
    with temporary_place() as place:
        state = fresh(place.folder)
        postgres, azurite = PostgresServer(place, state), Azurite(place, state)
        try:
            postgres.start()
            azurite.start()
            create_logins(postgres)
            create_database(postgres, _DATABASE)
            migrate(postgres.dsn(MIGRATOR, _DATABASE))
            azurite.create_container(_CONTAINER)
            azurite.create_container("dead-letter")
            settings = StorageSettings.load(
                postgres_dsn=postgres.dsn(READER, _DATABASE),
                postgres_auth=PostgresAuth.PASSWORD,
                archive_connection_string=azurite.connection_string,
                archive_container=_CONTAINER,
            )
            with open_container(settings) as container:
                yield Store(settings, _DATABASE, container, postgres, azurite)
        finally:
            azurite.stop()
            postgres.stop()
