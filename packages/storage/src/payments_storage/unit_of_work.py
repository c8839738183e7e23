"""The one commit point: a delivery ends whole in every table and in the archive, or not at all.

    BEGIN -> claim event ids -> (archive files || COPY metrics) -> failed items -> manifest -> aggregates -> COMMIT

After COMMIT a redelivery changes nothing; before it, nothing happened (docs/adr/0001-one-commit-point.md).
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from azure.storage.blob import ContainerClient
from psycopg import Cursor

from payments_core.aggregates import aggregate_histograms, aggregate_keys, aggregate_payments
from payments_core.batch import ParsedBatch
from payments_core.errors import Stage
from payments_core.event import Delivery, Rejection
from payments_core.metrics import extract_metrics
from payments_core.repeats import Identity, first_of_each, identities, judge_repeats
from payments_core.rules import MetricRule
from payments_core.split import split_by_most
from payments_storage import tables
from payments_storage.archive_path import DAYS_AT_MOST, split_by_days
from payments_storage.connect import Pool, transaction
from payments_storage.errors import database_errors, our_defects
from payments_storage.outcome import Outcome
from payments_storage.raw_event_store import (
    ArchiveFile,
    BlobRawEventStore,
    FileCommittedError,
    FileExistsInArchiveError,
)

ATTEMPT_SECONDS: Final = 60
"""How long one attempt may wait for PostgreSQL in all, its upload included."""
KEYS_AT_MOST: Final = 1000
"""Event types by shortest windows, in one transaction: each makes a row for every metric and window length."""
_MANY_DAYS: Final = f"the batch has events of more than {DAYS_AT_MOST} days"


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

    def too_wide(self, events: pa.Table) -> bool:
        """Whether the events would touch so many aggregates that they should be committed in parts."""
        if events.num_rows <= KEYS_AT_MOST:
            return False
        return bool(pc.count_distinct(aggregate_keys(events, self._windows[0])).as_py() > KEYS_AT_MOST)

    def most_shared(self, events: pa.Table, keys_at_most: int) -> tuple[pa.Table, pa.Table]:
        """The events of so many aggregate keys at most, of those with most events, and the others."""
        if events.num_rows <= keys_at_most:
            return events, events.slice(0, 0)
        return split_by_most(events, aggregate_keys(events, self._windows[0]), keys_at_most)

    def commit(
        self,
        delivery: Delivery,
        batch: ParsedBatch,
        *,
        remembered: Mapping[Identity, int] | None = None,
        defer_archive: str | None = None,
    ) -> Outcome:
        """Stores what `Parser.parse_and_normalize` made of the delivery. Raises StorageError with nothing stored.

        `remembered` are events (with their payload hashes) that were stored before, whatever the index of ids says.
        With `defer_archive`, a reason, the events count but their files are left to the redrive; without it those
        of days beyond `DAYS_AT_MOST` are (docs/adr/0010).
        """
        remembered = remembered or {}
        firsts = _not_in(first_of_each(batch.events), remembered)
        files: list[ArchiveFile] = []
        duplicates = metrics = deferred = 0
        rejections = batch.rejections
        with transaction(self._pool, ATTEMPT_SECONDS) as connection:
            cursor = connection.cursor()
            new = tables.claim_events(cursor, firsts) if firsts.num_rows else firsts
            if new.num_rows < batch.events.num_rows:
                duplicates, conflicts = _judge(cursor, batch.events, new, remembered)
                rejections = rejections + conflicts
            failed = tables.insert_failed_items(cursor, delivery, rejections) if rejections else 0
            if new.num_rows:
                metrics, files, deferred = self._store(cursor, delivery, batch, new, defer_archive)
            else:
                tables.insert_sequences(cursor, delivery, batch.indexes)
        return Outcome(
            delivered=batch.events.num_rows + len(batch.rejections),
            archived=new.num_rows - deferred,
            deferred=deferred,
            duplicates=duplicates,
            failed=failed,
            failed_before=len(rejections) - failed,
            metrics=metrics,
            unusable_metrics=batch.unusable_metrics,
            rejections=rejections,
            files=files,
        )

    def _store(
        self, cursor: Cursor[Any], delivery: Delivery, batch: ParsedBatch, events: pa.Table, defer_archive: str | None
    ) -> tuple[int, list[ArchiveFile], int]:
        """Returns how many metrics, which files, and how many events are left to the redrive."""
        files: list[ArchiveFile] = []
        now, later = (events.slice(0, 0), events) if defer_archive else split_by_days(events)
        if later.num_rows:
            with database_errors(Stage.ARCHIVE):
                tables.defer_archive(cursor, delivery, later, defer_archive or _MANY_DAYS)
        if now.num_rows:
            store = BlobRawEventStore(self._container, max_events=len(now) + 1)
            store.append(now)
            with self._uploading(store) as upload:
                metrics, aggregates = self._measure(cursor, events)
                try:
                    files = upload.result()
                except FileExistsInArchiveError:
                    files = replace_orphans(cursor, store)
            tables.insert_files(cursor, delivery.event_hub, files)
        else:
            metrics, aggregates = self._measure(cursor, events)
        tables.insert_sequences(cursor, delivery, batch.indexes)
        # Last, so that the rows which all writers want stay locked for as short as possible.
        payments, histograms = aggregates
        with database_errors(Stage.AGGREGATE):
            tables.update_payment_metrics_5m(cursor, payments)
            tables.update_aggregate_histograms(cursor, histograms)
        return metrics, files, later.num_rows

    def _measure(self, cursor: Cursor[Any], events: pa.Table) -> tuple[int, tuple[list[Any], list[Any]]]:
        """Writes the metrics; returns how many, and what the events add to the two aggregate tables."""
        with our_defects(Stage.METRICS):
            metrics = extract_metrics(events, self._rules)
        with database_errors(Stage.METRICS):
            tables.store_dynamic_metrics(cursor, metrics)
        with our_defects(Stage.AGGREGATE):
            return metrics.num_rows, (aggregate_payments(events), aggregate_histograms(metrics, self._windows))

    @contextmanager
    def _uploading(self, store: BlobRawEventStore) -> Iterator[Future[list[ArchiveFile]]]:
        """The upload runs beside the COPY, and never outlives its transaction, however that ends."""
        upload = self._uploads.submit(store.flush)
        try:
            yield upload
        finally:
            upload.exception()


def replace_orphans(cursor: Cursor[Any], store: BlobRawEventStore) -> list[ArchiveFile]:
    """Writes over what attempts that did not commit have left.

    The order matters: first the blobs are looked at, then the transaction is asked. If it answers, its claims held
    meanwhile and nobody else could commit these files; whoever does so later changes an ETag, and refuses this writer.
    """
    seen = store.look()
    taken = tables.committed_files(cursor, list(seen))
    if taken:
        raise FileCommittedError(taken)
    return store.flush(replacing=seen)


def _not_in(events: pa.Table, remembered: Mapping[Identity, int]) -> pa.Table:
    if not remembered:
        return events
    return events.filter(pa.array([identity not in remembered for identity in identities(events)], pa.bool_()))


def _judge(
    cursor: Cursor[Any], events: pa.Table, new: pa.Table, remembered: Mapping[Identity, int]
) -> tuple[int, list[Rejection]]:
    """The events that are not new, each against the body that counts: the one claimed just now, or the one before."""
    counting = set(new["index"].to_pylist())
    repeats = events.filter(pa.array([index not in counting for index in events["index"].to_pylist()], pa.bool_()))
    return judge_repeats(repeats, {**remembered, **tables.known_payloads(cursor, first_of_each(repeats))})
