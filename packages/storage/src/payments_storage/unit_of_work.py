"""The one commit point: a delivery ends whole in every table and in the archive, or not at all.

    BEGIN -> claim event ids -> (archive files || COPY metrics) -> failed items -> manifest -> aggregates -> COMMIT

After COMMIT a redelivery changes nothing; before it, nothing happened (docs/adr/0001-one-commit-point.md).
"""

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
from azure.storage.blob import ContainerClient
from psycopg import Cursor

from payments_core.aggregates import aggregate_histograms, aggregate_payments
from payments_core.batch import ParsedBatch
from payments_core.event import Delivery, Rejection
from payments_core.metrics import extract_metrics
from payments_core.repeats import judge_known, separate_repeats
from payments_core.rules import MetricRule
from payments_storage import tables
from payments_storage.archive_path import plan_files
from payments_storage.connect import Pool
from payments_storage.errors import PermanentStorageError, database_errors
from payments_storage.raw_event_store import ArchiveFile, BlobRawEventStore


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery: `delivered` = `archived` + `duplicates` + `failed` + `failed_before`, always."""

    delivered: int
    archived: int
    duplicates: int
    failed: int
    failed_before: int
    metrics: int
    unusable_metrics: int
    files: list[ArchiveFile]


class UnitOfWork:
    """Commits parsed deliveries. Shared by the threads of a worker process; keeps nothing between two of them."""

    def __init__(
        self,
        pool: Pool,
        container: ContainerClient,
        uploads: Executor,
        rules: tuple[MetricRule, ...],
        windows: tuple[timedelta, ...],
    ) -> None:
        self._pool = pool
        self._container = container
        self._uploads = uploads
        self._rules = rules
        self._windows = windows

    def commit(self, delivery: Delivery, batch: ParsedBatch) -> Outcome:
        """Stores what `Parser.parse_and_normalize` made of the delivery. Raises StorageError with nothing stored."""
        distinct, duplicates, conflicts = separate_repeats(batch.events)
        rejections = batch.rejections + conflicts
        with database_errors(), self._pool.connection() as connection, connection.transaction():
            cursor = connection.cursor()
            new = tables.claim_events(cursor, distinct) if distinct.num_rows else distinct
            if new.num_rows < distinct.num_rows:
                repeated, more_conflicts = _judge(cursor, distinct, new)
                duplicates += repeated
                rejections = rejections + more_conflicts
            files: list[ArchiveFile] = []
            metrics = 0
            failed = tables.insert_failed_items(cursor, delivery, rejections) if rejections else 0
            if new.num_rows:
                metrics, files = self._store(cursor, delivery, new)
        return Outcome(
            delivered=len(delivery.bodies),
            archived=new.num_rows,
            duplicates=duplicates,
            failed=failed,
            failed_before=len(rejections) - failed,
            metrics=metrics,
            unusable_metrics=batch.unusable_metrics,
            files=files,
        )

    def _store(self, cursor: Cursor[Any], delivery: Delivery, events: pa.Table) -> tuple[int, list[ArchiveFile]]:
        taken = tables.committed_files(cursor, [planned.path for planned in plan_files(events)])
        if taken:
            message = f"the archive already has {taken[0]} with other events; do two Event Hubs share one container?"
            raise PermanentStorageError(message)
        with self._uploading(events) as upload:
            metrics = extract_metrics(events, self._rules)
            tables.store_dynamic_metrics(cursor, metrics)
            payments = aggregate_payments(events)
            histograms = aggregate_histograms(metrics, self._windows)
            files = upload.result()
        tables.insert_files(cursor, delivery.event_hub, files)
        # Last, so that the rows which all writers want stay locked for as short as possible.
        tables.update_payment_metrics_5m(cursor, payments)
        tables.update_aggregate_histograms(cursor, histograms)
        return metrics.num_rows, files

    @contextmanager
    def _uploading(self, events: pa.Table) -> Iterator[Future[list[ArchiveFile]]]:
        """The upload runs beside the COPY, and never outlives its transaction, however that ends."""
        upload = self._uploads.submit(self._store_raw_events_to_blob, events)
        try:
            yield upload
        finally:
            upload.exception()

    def _store_raw_events_to_blob(self, events: pa.Table) -> list[ArchiveFile]:
        store = BlobRawEventStore(self._container)
        return store.append(events) + store.flush()


def _judge(cursor: Cursor[Any], distinct: pa.Table, new: pa.Table) -> tuple[int, list[Rejection]]:
    fresh = set(new["event_id"].to_pylist())
    known = distinct.filter(pa.array([event_id not in fresh for event_id in distinct["event_id"].to_pylist()]))
    return judge_known(known, tables.known_payloads(cursor, known))
