"""The function on a database and a container of its own: deliveries in; every table and every archived row out."""

import json
from dataclasses import replace
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, cast

import azure.functions as func
import psycopg
from azure.functions.eventhub import EventHubTriggerConverter
from azure.functions.meta import Datum
from azure.storage.blob import ContainerClient
from pydantic import SecretStr

from ingest.settings import IngestSettings
from ingest.wiring import Runtime
from payments_storage.connect import open_container
from payments_storage.outcome import Outcome
from payments_storage.pipeline import Pipeline
from payments_storage.raw_event import from_parquet
from payments_storage.settings import PostgresAuth

from .books import Books, Key, State
from .events import Message

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

TABLES: Final = (
    "ingested_events",
    "dynamic_metrics",
    "payment_metrics_5m",
    "aggregate_histograms",
    "failed_items",
    "raw_event_files",
    "ingested_sequences",
)


def decode(messages: list[Message], partition: str = "0", hub: str = "payments") -> list[func.EventHubEvent]:
    """The batch as the library decodes it from what the Event Hubs extension sends."""
    times = [message.enqueued_at.replace(tzinfo=None).isoformat() for message in messages]
    numbers = [message.sequence_number for message in messages]
    properties = [
        {"SequenceNumber": number, "Offset": str(number * 512), "PartitionKey": None, "EnqueuedTimeUtc": time}
        for number, time in zip(numbers, times, strict=True)
    ]
    context = {
        "FullyQualifiedNamespace": "ns.servicebus.windows.net",
        "EventHubName": hub,
        "ConsumerGroup": "ingest",
        "PartitionId": partition,
    }
    metadata = {
        "PartitionContext": Datum(json.dumps(context), "json"),
        "SequenceNumberArray": Datum(SimpleNamespace(sint64=numbers), "collection_sint64"),
        "EnqueuedTimeUtcArray": Datum(json.dumps(times), "json"),
        "SystemPropertiesArray": Datum(json.dumps(properties), "json"),
    }
    data = Datum(SimpleNamespace(bytes=[message.body for message in messages]), "collection_bytes")
    return cast("list[func.EventHubEvent]", EventHubTriggerConverter.decode(data, trigger_metadata=metadata))


class System:
    """A worker process's runtime. Several of them on one database and container are several owners."""

    def __init__(self, database: "Database", container: "ArchiveContainer", **settings: Any) -> None:
        self.database = database
        self.settings = IngestSettings.load(
            postgres_dsn=database.dsn,
            postgres_auth=PostgresAuth.PASSWORD,
            archive_connection_string=container.connection_string,
            archive_container=container.name,
            dead_letter_container=container.dead_letters,
            **settings,
        )
        self.runtime = Runtime(self.settings)
        self.container: ContainerClient = open_container(self.settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.runtime.close()
        self.container.close()

    def deliver(self, messages: list[Message], partition: str = "0", hub: str = "payments") -> Outcome:
        return self.runtime.handler(decode(messages, partition, hub))

    def operator(self) -> Pipeline:
        """The pipeline of a command that an engineer runs with the rights of payments_operator."""
        login = {"postgres_dsn": SecretStr(self.database.operator_dsn)}
        return Pipeline(self.settings.model_copy(update=login))

    def rows(self, query: str, *parameters: object) -> list[Key]:
        """As the owner of the database, in UTC."""
        with psycopg.connect(self.database.migrator_dsn, options="-c timezone=UTC") as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def owner_does(self, statement: str) -> None:
        with psycopg.connect(self.database.migrator_dsn) as connection:
            connection.execute(statement.encode())

    def dump(self) -> dict[str, Any]:
        """All there is, surrogate keys, times and ETags included: equal dumps mean that nothing was written."""
        tables = {name: sorted(self.rows(f"SELECT t::text FROM {name} AS t")) for name in TABLES}  # noqa: S608 - ours
        return tables | {"blobs": {blob.name: blob.etag for blob in self.container.list_blobs()}}

    def state(self, orphans: frozenset[str] = frozenset()) -> State:
        """What counts. Also asserts what holds at any time: the manifest is the archive, an average is sum by count."""
        archive, files = self._archive(orphans)
        for count, total, average in self.rows("SELECT total_count, total_amount, avg_amount FROM payment_metrics_5m"):
            assert abs(average * count - total) <= abs(total) / 10**12, "avg_amount"
        return State(
            archive=archive,
            ingested_events=self._keyed(2, "event_id::text, occurred_on, payload_hash, enqueued_on", "ingested_events"),
            dynamic_metrics=self.rows(
                "SELECT transaction_id, coalesce(correlation_id::text, ''), metric_type, metric_value, "
                "coalesce(metric_data ->> 'unit', ''), created_at FROM dynamic_metrics "
                'ORDER BY transaction_id COLLATE "C", 2, metric_type COLLATE "C", metric_value, 5, created_at'
            ),
            payment_metrics_5m=self._keyed(
                4,
                "window_start, payment_method, currency, payment_status, total_count, total_amount, min_amount, "
                "max_amount",
                "payment_metrics_5m",
            ),
            aggregate_histograms=self._keyed(
                4,
                "metric_type, event_type, time_window_start, time_window_end, event_count, sum_value, min_value, "
                "max_value, buckets, zero_count, negative_buckets",
                "aggregate_histograms",
            ),
            failed_items=self._keyed(
                4,
                "event_hub, partition_id, sequence_number, enqueued_at, stage, error_code, detail ->> 'field', "
                "payload, event_id::text, transaction_id",
                "failed_items WHERE attempts = 1 AND status = 'pending' AND resolved_at IS NULL AND message <> ''",
            ),
            raw_event_files=files,
        )

    def _keyed(self, width: int, columns: str, table: str) -> dict[Key, Key]:
        return {row[:width]: row[width:] for row in self.rows(f"SELECT {columns} FROM {table}")}  # noqa: S608 - ours

    def partitions(self, table: str) -> list[str]:
        """Where the rows of a partitioned table are, each partition once."""
        return [name for (name,) in self.rows(f"SELECT DISTINCT tableoid::regclass::text FROM {table}")]  # noqa: S608

    def _archive(self, orphans: frozenset[str]) -> tuple[dict[Key, dict[str, Any]], dict[str, Key]]:
        """The rows of the files, by identity, and the manifest; asserts that each describes the other."""
        manifest = self._keyed(
            1,
            "path, rows, min_occurred_at, max_occurred_at, event_hub, partition_id, first_sequence_number, "
            "last_sequence_number, bytes",
            "raw_event_files WHERE state = 'active'",
        )
        sizes = {blob.name: blob.size for blob in self.container.list_blobs() if blob.name not in orphans}
        assert sizes == {path: row[-1] for (path,), row in manifest.items()}, "files are not what the manifest says"
        archive: dict[Key, dict[str, Any]] = {}
        for (path,), (count, first, last, _, partition, low, high, _) in manifest.items():
            rows = from_parquet(self.container.download_blob(path).readall()).to_pylist()
            times = [row["occurred_at"] for row in rows]
            numbers = [row["sequence_number"] for row in rows]
            assert (len(rows), min(times), max(times)) == (count, first, last), path
            assert (min(numbers), max(numbers), {row["partition_id"] for row in rows}) == (low, high, {partition}), path
            folders = {f"raw_events/yyyy={time:%Y}/mm={time:%m}/dd={time:%d}" for time in times}
            assert folders == {path.rpartition("/")[0]}
            for row in rows:
                key = (row["event_id"], row["occurred_at"].date())
                assert key not in archive, f"{key} is archived twice"
                archive[key] = row
        return archive, {path: row[:-1] for (path,), row in manifest.items()}


def run(system: System, *batches: list[Message], partition: str = "0") -> Books:
    """Delivers the batches, one after the other, and keeps books."""
    books = Books()
    for batch in batches:
        outcome = system.deliver(batch, partition)
        books.deliver(batch, partition)
        parts = (outcome.archived, outcome.duplicates, outcome.failed, outcome.failed_before)
        assert sum(parts) == outcome.delivered == len(batch)
    return books


def without_files(state: State) -> State:
    """For runs in which chance decides about batches and therefore about files; `System.state` has checked them."""
    return replace(state, raw_event_files={})
