"""The one commit point: a delivery ends whole in every table and in the archive, or not at all.

    BEGIN -> claim event ids -> (archive files || COPY metrics) -> failed items -> manifest -> aggregates -> COMMIT

After COMMIT a redelivery changes nothing; before it, nothing happened (docs/adr/0001-one-commit-point.md).
"""

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pyarrow as pa
from azure.storage.blob import ContainerClient
from psycopg import Cursor

from payments_core.aggregates import aggregate_histograms, aggregate_payments
from payments_core.batch import ParsedBatch
from payments_core.event import Delivery, Rejection
from payments_core.metrics import extract_metrics
from payments_core.repeats import first_of_each, judge_repeats
from payments_core.rules import MetricRule
from payments_storage import tables
from payments_storage.connect import Pool
from payments_storage.errors import PermanentStorageError, database_errors
from payments_storage.raw_event_store import ArchiveFile, BlobRawEventStore, FileExistsInArchiveError


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


NOTHING: Final = Outcome(0, 0, 0, 0, 0, 0, 0, [])


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
        firsts = first_of_each(batch.events)
        files: list[ArchiveFile] = []
        duplicates = metrics = 0
        rejections = batch.rejections
        with database_errors(), self._pool.connection() as connection, connection.transaction():
            cursor = connection.cursor()
            new = tables.claim_events(cursor, firsts) if firsts.num_rows else firsts
            if new.num_rows < batch.events.num_rows:
                duplicates, conflicts = _judge(cursor, batch.events, new)
                rejections = rejections + conflicts
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
        store = BlobRawEventStore(self._container, max_events=len(events) + 1)
        store.append(events)
        with self._uploading(store) as upload:
            metrics = extract_metrics(events, self._rules)
            tables.store_dynamic_metrics(cursor, metrics)
            payments = aggregate_payments(events)
            histograms = aggregate_histograms(metrics, self._windows)
            try:
                files = upload.result()
            except FileExistsInArchiveError:
                files = _replace_orphans(cursor, store)
        tables.insert_files(cursor, delivery.event_hub, files)
        # Last, so that the rows which all writers want stay locked for as short as possible.
        tables.update_payment_metrics_5m(cursor, payments)
        tables.update_aggregate_histograms(cursor, histograms)
        return metrics.num_rows, files

    @contextmanager
    def _uploading(self, store: BlobRawEventStore) -> Iterator[Future[list[ArchiveFile]]]:
        """The upload runs beside the COPY, and never outlives its transaction, however that ends."""
        upload = self._uploads.submit(store.flush)
        try:
            yield upload
        finally:
            upload.exception()


def _replace_orphans(cursor: Cursor[Any], store: BlobRawEventStore) -> list[ArchiveFile]:
    """Writes over what attempts that did not commit have left.

    The order matters: first the blobs are looked at, then the transaction is asked. If it answers, its claims held
    meanwhile and nobody else could commit these files; whoever does so later changes an ETag, and refuses this writer.
    """
    seen = store.look()
    taken = tables.committed_files(cursor, list(seen))
    if taken:
        message = f"the archive already has {taken[0]} with other events; do two Event Hubs share one container?"
        raise PermanentStorageError(message)
    return store.flush(replacing=seen)


def _judge(cursor: Cursor[Any], events: pa.Table, new: pa.Table) -> tuple[int, list[Rejection]]:
    """The events that are not new, each against the body that counts: the one claimed just now, or the one before."""
    counting = set(new["index"].to_pylist())
    repeats = events.filter(pa.array([index not in counting for index in events["index"].to_pylist()]))
    return judge_repeats(repeats, tables.known_payloads(cursor, first_of_each(repeats)))
