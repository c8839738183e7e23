"""The disaster path: PostgreSQL is gone, and is filled again from the archive alone.

Each file is taken in as a batch is: its events are claimed, and what was new is counted, in one transaction with its
row in the manifest. So it may be stopped and repeated, ingest may go on meanwhile, and files of attempts that never
committed count nothing twice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Cursor

from payments_core.aggregates import aggregate_histograms, aggregate_payments
from payments_core.event import EVENT_SCHEMA, Delivery
from payments_core.metrics import extract_metrics
from payments_core.repeats import Identity, identities
from payments_storage import tables
from payments_storage.compacted_file import UNREADABLE, CompactedFile
from payments_storage.connect import transaction
from payments_storage.instants import instants
from payments_storage.pipeline import Pipeline
from payments_storage.raw_event_store import ArchiveFile, BlobRawEventStore, FileExistsInArchiveError
from payments_storage.rebuild.folder import CountingFile, counting_files
from payments_storage.reconcile.findings import Check
from payments_storage.reconcile.payloads import parse_archived
from payments_storage.sql import load_queries
from payments_storage.unit_of_work import replace_orphans

_SQL: Final = load_queries("recover")
_FILES_AT_ONCE: Final = 20
_EVENTS_AT_ONCE: Final = 20_000
Progress = Callable[[int, str], None]


@dataclass(slots=True)
class Recovered:
    """Files and events taken in; files that only repeat what others have; files of which a part was new."""

    files: int = 0
    events: int = 0
    repeats: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class Recovery:
    """Needs the rights of payments_writer. Raises StorageError; what was taken in before stays."""

    def __init__(
        self,
        pipeline: Pipeline,
        event_hub: str,
        metrics_from: date,
        *,
        progress: Progress = lambda _events, _what: None,
    ) -> None:
        """`event_hub` is where files of batches came from; metrics of days before `metrics_from` are left out."""
        self._pipeline = pipeline
        self._event_hub = event_hub
        self._metrics_from = metrics_from
        self._progress = progress
        self._silent = Check("", 0)
        self._report = Recovered()

    def run(self, first: date, after: date) -> Recovered:
        """The days from `first` until before `after`."""
        for day in (first + timedelta(days=number) for number in range((after - first).days)):
            group: list[CountingFile] = []
            for file in self._unknown(day):
                if not group:
                    self._make_partitions(day)
                group.append(file)
                if file.compaction is not None or len(group) == _FILES_AT_ONCE:
                    self._take_in(day, group)
                    group = []
            if group:
                self._take_in(day, group)
        return self._report

    def _unknown(self, day: date) -> Iterator[CountingFile]:
        files = list(counting_files(self._pipeline.container, day))
        with transaction(self._pipeline.pool, seconds=None) as connection:
            rows = connection.execute(_SQL["known"], {"paths": [file.path for file in files]}).fetchall()
        known = {path for (path,) in rows}
        return (file for file in files if file.path not in known)

    def _make_partitions(self, day: date) -> None:
        with transaction(self._pipeline.pool, seconds=None) as connection:
            connection.execute(_SQL["ensure_partitions"], {"day": day})

    def _take_in(self, day: date, files: list[CountingFile]) -> None:
        with transaction(self._pipeline.pool, seconds=None) as connection:
            cursor = connection.cursor()
            cursor.execute(_SQL["begin"])
            waiting: list[pa.Table] = []
            for new in chain.from_iterable(self._claim(cursor, file) for file in files):
                waiting.append(new)
                if sum(table.num_rows for table in waiting) >= _EVENTS_AT_ONCE:
                    self._count(cursor, day, waiting)
                    waiting = []
            if waiting:
                self._count(cursor, day, waiting)
        self._progress(self._report.events, str(day))

    def _count(self, cursor: Cursor[Any], day: date, new: list[pa.Table]) -> None:
        events = pa.concat_tables(new)
        measured = extract_metrics(events, self._pipeline.rules)
        if day >= self._metrics_from:
            tables.store_dynamic_metrics(cursor, measured)
        tables.update_payment_metrics_5m(cursor, aggregate_payments(events))
        tables.update_aggregate_histograms(cursor, aggregate_histograms(measured, self._pipeline.windows))
        self._report.events += events.num_rows

    def _claim(self, cursor: Cursor[Any], file: CountingFile) -> Iterator[pa.Table]:
        """The events of the file that nobody has claimed; the manifest then has the file, or one of just these."""
        try:
            opened = CompactedFile(self._pipeline.container, file.path, file.bytes)
            hub = file.event_hub or self._event_hub
            repeats: set[Identity] = set()
            count = 0
            for archived in opened.every_table(EVENT_SCHEMA.names):
                parsed = parse_archived(self._pipeline.parser, archived, self._silent)
                new = tables.claim_events(cursor, parsed)
                if new.num_rows < parsed.num_rows:
                    repeats |= set(identities(parsed)) - set(identities(new))
                _record(cursor, hub, archived)
                count += new.num_rows
                if new.num_rows:
                    yield new
        except UNREADABLE:
            self._report.unreadable.append(file.path)
            return
        if not count:
            self._report.repeats.append(file.path)
        elif repeats:
            self._write_without(cursor, hub, opened, repeats)
            self._report.parts.append(file.path)
        elif file.compaction is not None:
            self._insert_compacted(cursor, file, opened)
        else:
            tables.insert_files(cursor, hub, [_manifest_row(file, opened)])
        self._report.files += bool(count)

    def _insert_compacted(self, cursor: Cursor[Any], file: CountingFile, opened: CompactedFile) -> None:
        first, last = opened.times
        parameters = {
            "path": file.path,
            "rows": opened.rows,
            "bytes": file.bytes,
            "min_occurred_at": first,
            "max_occurred_at": last,
            "event_hub": file.event_hub,
            "compaction": file.compaction,
        }
        cursor.execute(_SQL["insert_compacted"], parameters)

    def _write_without(self, cursor: Cursor[Any], hub: str, opened: CompactedFile, repeats: set[Identity]) -> None:
        """The events that only this file has, as files of their own: the others have been stored since, elsewhere."""
        left = []
        for archived in opened.every_table(EVENT_SCHEMA.names):
            new = [identity not in repeats for identity in identities(archived)]
            left.append(archived.filter(pa.array(new, pa.bool_())))
        events = pa.concat_tables(left).sort_by("sequence_number")
        for partition in sorted(pc.unique(events["partition_id"]).to_pylist()):
            store = BlobRawEventStore(self._pipeline.container, max_events=events.num_rows + 1)
            store.append(events.filter(pc.equal(events["partition_id"], partition)))
            try:
                files = store.flush()
            except FileExistsInArchiveError:
                files = replace_orphans(cursor, store)
            tables.insert_files(cursor, hub, files)


def _record(cursor: Cursor[Any], hub: str, archived: pa.Table) -> None:
    """Their sequence numbers have been dealt with."""
    places = archived.select(["partition_id", "sequence_number", "enqueued_at"]).sort_by("sequence_number")
    for partition in sorted(pc.unique(places["partition_id"]).to_pylist()):
        rows = places.filter(pc.equal(places["partition_id"], partition))
        numbers = rows["sequence_number"].to_pylist()
        delivery = Delivery(hub, partition, [], numbers, instants(rows["enqueued_at"]))
        tables.insert_sequences(cursor, delivery, list(range(len(numbers))))


def _manifest_row(file: CountingFile, opened: CompactedFile) -> ArchiveFile:
    places = pa.concat_tables(opened.every_table(["occurred_at", "partition_id", "sequence_number"]))
    times = pc.min_max(places["occurred_at"]).as_py()
    numbers = pc.min_max(places["sequence_number"]).as_py()
    return ArchiveFile(
        path=file.path,
        rows=places.num_rows,
        bytes=file.bytes,
        min_occurred_at=times["min"],
        max_occurred_at=times["max"],
        partition_id=places["partition_id"][0].as_py(),
        first_sequence_number=numbers["min"],
        last_sequence_number=numbers["max"],
    )
