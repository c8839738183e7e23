"""Aggregates and metrics of a range computed anew from the archive, while ingest goes on.

    snapshot: count every event beside the tables, show the differences
    then, again and again without a lock: count what was committed since, until it is little
    at last, with everybody locked out: count the rest, swap, COMMIT

Whoever waits for the lock adds to the new rows afterwards, as to the old ones (docs/rebuild.md).
"""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from psycopg import Cursor, Rollback

from payments_core.event import EVENT_SCHEMA, Delivery
from payments_storage.connect import transaction
from payments_storage.errors import PermanentStorageError, TransientStorageError, blob_errors
from payments_storage.pipeline import Pipeline
from payments_storage.rebuild.staging import Staging
from payments_storage.rebuild.task import HISTOGRAMS, METRICS, PAYMENTS, RebuildReport, RebuildTask
from payments_storage.reconcile.archive import Archive, within
from payments_storage.reconcile.findings import Check
from payments_storage.reconcile.snapshot import Snapshot
from payments_storage.reconcile.span import Span
from payments_storage.sql import load_queries

_SQL: Final = load_queries("rebuild")
_LITTLE: Final = 20_000
"""Events, for which writers may be kept waiting: as many as twenty batches."""
_ROUNDS: Final = 20
_ANOTHER: Final = "another rebuild is under way: wait for its end"
_NOT_ALLOWED: Final = (
    "a rebuild needs a login that is a member of payments_operator; payments_writer is not enough (docs/rebuild.md)"
)
Progress = Callable[[int, str], None]


class Rebuild:
    """One run. Needs the rights of payments_operator; raises StorageError, with the tables as they were."""

    def __init__(
        self,
        pipeline: Pipeline,
        task: RebuildTask,
        *,
        named_at_most: int = 20,
        progress: Progress = lambda _events, _what: None,
    ) -> None:
        self._pipeline = pipeline
        self._task = task
        self._named_at_most = named_at_most
        self._progress = progress
        self._staging = Staging(pipeline, task)
        self._report = RebuildReport()
        self._place = {"start": task.span.start, "end": task.span.end, "mark": f"rebuild {uuid4()}"}

    def run(self, *, dry_run: bool = False) -> RebuildReport:
        """With `dry_run` nothing is changed, and the report says what would be."""
        with transaction(self._pipeline.pool, seconds=None) as connection:
            cursor = connection.cursor()
            cursor.execute(_SQL["begin"])
            while cursor.nextset():
                pass
            if cursor.fetchall() != [(True,)]:
                raise TransientStorageError(_ANOTHER)
            if cursor.execute(_SQL["may_rebuild"]).fetchall() != [(True,)]:
                raise PermanentStorageError(_NOT_ALLOWED)
            self._count_snapshot(cursor)
            self._compare(cursor)
            if dry_run:
                raise Rollback
        if dry_run:
            return self._report
        for _ in range(_ROUNDS):
            with transaction(self._pipeline.pool, seconds=None) as connection:
                if self._catch_up(connection.cursor()) < _LITTLE:
                    break
        with transaction(self._pipeline.pool, seconds=None) as connection:
            cursor = connection.cursor()
            places = {**self._place, "days": self._staging.days, "aggregates": self._task.aggregates}
            cursor.execute(_SQL["without_time_limit"])
            cursor.execute(_SQL["lock"], places)
            self._catch_up(cursor)
            cursor.execute(_SQL["swap"], {**places, "lengths": list(self._task.windows)})
        self._report.swapped = True
        if self._staging.invalid:
            self._report.notes.append(
                f"{self._staging.invalid} events differ from their payloads, or are refused today: payments reconcile"
            )
        return self._report

    def _count_snapshot(self, cursor: Cursor[Any]) -> None:
        cursor.execute(_SQL["clear"])
        cursor.execute(_SQL["note_files"], self._place)
        self._staging.make_partitions(cursor)
        snapshot = Snapshot(cursor.connection)
        files = Check("", self._named_at_most)
        for part in self._task.span.parts():
            if METRICS in self._task.tables and part.day not in self._staging.days:
                self._report.notes.append(f"dynamic_metrics has no partition of {part.day}: past retention, left alone")
            for archived in Archive(self._pipeline.container).events(snapshot, part, files, None):
                self._report.events += self._staging.count_archived(cursor, archived)
                self._progress(self._report.events, str(part))
        if files.count:
            raise PermanentStorageError(
                f"{files.count} files of the range are not what the manifest says, such as {files.named[0].where}: "
                "nothing is rebuilt from them. `payments reconcile` says what is wrong"
            )
        self._report.events += self._count_deferred(cursor)

    def _compare(self, cursor: Cursor[Any]) -> None:
        parameters = {**self._place, "lengths": list(self._task.windows)}
        for table, name in ((PAYMENTS, "payments_differences"), (HISTOGRAMS, "histograms_differences")):
            if table in self._task.tables:
                self._differ(table, cursor.execute(_SQL[name], parameters).fetchall())
        for day in self._staging.days:
            tables = (METRICS, f"{METRICS}_{day:%Y%m%d}_rebuilt")
            now, new = (dict(_by_type(cursor, table, Span.of_day(day))) for table in tables)
            rows = [
                (f"{day} {kind}", now.get(kind), new.get(kind))
                for kind in sorted(now.keys() | new.keys())
                if now.get(kind) != new.get(kind)
            ]
            self._differ(METRICS, rows)

    def _differ(self, table: str, rows: list[Any]) -> None:
        self._report.differences[table] = self._report.differences.get(table, 0) + len(rows)
        named = self._report.named.setdefault(table, [])
        named += [tuple(row) for row in rows[: self._named_at_most - len(named)]]

    def _catch_up(self, cursor: Cursor[Any]) -> int:
        """Counts what was committed and not counted yet. First what is deferred: it may get its file in between."""
        if cursor.execute(_SQL["still_ours"], self._place).fetchall() != [(True,)]:
            raise TransientStorageError(_ANOTHER)
        counted = self._count_deferred(cursor)
        for archived in self._read([path for (path,) in cursor.execute(_SQL["new_files"], self._place).fetchall()]):
            ids = {"event_ids": archived["event_id"].to_pylist()}
            known = [event_id for (event_id,) in cursor.execute(_SQL["known_deferred"], ids).fetchall()]
            fresh = archived.filter(pc.invert(pc.is_in(archived["event_id"], pa.array(known, pa.string()))))
            counted += self._staging.count_archived(cursor, fresh)
        self._report.while_under_way += counted
        self._progress(self._report.events + self._report.while_under_way, "what came meanwhile")
        return counted

    def _count_deferred(self, cursor: Cursor[Any]) -> int:
        counted = 0
        while rows := cursor.execute(_SQL["note_deferred"]).fetchall():
            bodies, times = (list(column) for column in zip(*rows, strict=True))
            batch = self._pipeline.parser.parse_and_normalize(Delivery("", "", bodies, [0] * len(bodies), times))
            counted += self._staging.count(cursor, within(batch.events, self._task.span))
        return counted

    def _read(self, paths: list[str]) -> Iterator[pa.Table]:
        for path in paths:
            with blob_errors(f"read {path}"):
                data = self._pipeline.container.download_blob(path).readall()
            yield pq.read_table(BytesIO(data), columns=EVENT_SCHEMA.names).cast(EVENT_SCHEMA)


def _by_type(cursor: Cursor[Any], table: str, day: Span) -> Iterator[tuple[str, str]]:
    statement = _SQL["metrics_by_type"].replace("metrics_table", table)
    for kind, rows, total in cursor.execute(statement, {"start": day.start, "end": day.end}).fetchall():
        yield kind, f"{rows} rows, {total.normalize():f}"
