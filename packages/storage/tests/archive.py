"""An archive on real stores: files with the rows that a test names, and the manifest rows that make them count."""

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from azure.storage.blob import ContainerClient

from payments_storage.archive_path import day_folder
from payments_storage.raw_event import RawEvent, to_parquet, to_table
from payments_storage.settings import ArchiveSettings, PostgresAuth, StorageSettings

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database


@dataclass
class Archive:
    """`settings` reads by the manifest, `blobs_only` without it."""

    settings: StorageSettings
    container: ContainerClient
    owner_dsn: str
    files: int = 0

    @property
    def blobs_only(self) -> ArchiveSettings:
        return ArchiveSettings.load(
            archive_connection_string=self.settings.archive_connection_string,
            archive_container=self.settings.archive_container,
        )

    def write(self, events: list[RawEvent], *, row_group: int | None = None, counts: bool = True) -> str:
        """One file of one day. Returns its path."""
        data = to_parquet(to_table(events))
        if row_group is not None:
            data = parquet(to_table(events), row_group_size=row_group)
        return self.put(events, data, counts=counts)

    def put(self, events: list[RawEvent], data: bytes, *, counts: bool = True) -> str:
        """These bytes as the file of these events."""
        times = [event.occurred_at for event in events]
        self.files += 1
        path = f"{day_folder(min(times))}/events_{self.files:04}.parquet"
        self.container.upload_blob(path, data)
        if counts:
            row = (path, len(events), len(data), min(times), max(times))
            self.execute(
                "INSERT INTO raw_event_files (path, rows, bytes, min_occurred_at, max_occurred_at, event_hub, "
                "partition_id, first_sequence_number, last_sequence_number) "
                "VALUES (%s, %s, %s, %s, %s, 'payments', '7', 0, 1)",
                row,
            )
        return path

    def replace(self, *paths: str) -> None:
        """In the manifest only, as a compaction does before it removes them."""
        self.execute(
            "UPDATE raw_event_files SET state = 'replaced', replaced_by = gen_random_uuid(), replaced_at = now() "
            "WHERE path = ANY (%s)",
            (list(paths),),
        )

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> None:
        """As the owner of the tables."""
        with psycopg.connect(self.owner_dsn) as connection:
            connection.execute(statement.encode(), parameters)


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = BytesIO()
    pq.write_table(table, sink, **{"compression": "zstd", **options})
    return sink.getvalue()


def settings_of(database: "Database", container: "ArchiveContainer") -> StorageSettings:
    return StorageSettings.load(
        postgres_dsn=database.analyst_dsn,
        postgres_auth=PostgresAuth.PASSWORD,
        archive_connection_string=container.connection_string,
        archive_container=container.name,
    )
