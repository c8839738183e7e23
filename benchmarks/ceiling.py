"""The ceiling: the pipeline's own PostgreSQL statements with parameters made beforehand, and nothing else.

No decoding, no Parquet, no upload: what is left is the server and the driver.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self, cast

import psycopg
import pyarrow.compute as pc

from benchmarks.events import batches
from benchmarks.job import Job
from payments_core.aggregates import DEFAULT_WINDOWS, aggregate_histograms, aggregate_payments
from payments_core.batch import Parser
from payments_core.event import Delivery
from payments_core.metrics import extract_metrics
from payments_core.repeats import first_of_each
from payments_core.rules import load_rules
from payments_storage import tables
from payments_storage.archive_path import plan_files
from payments_storage.connect import LimitedConnection
from payments_storage.raw_event_store import ArchiveFile

_MOST: Final = 20_000  # events a second of one connection, for which parameters are made beforehand


class _Recorder:
    """A cursor that keeps what it is asked."""

    def __init__(self, rows: int) -> None:
        self.rowcount = rows
        self.asked: list[tuple[str, Any]] = []
        self._copied: list[bytes] = []

    def execute(self, query: str, parameters: Any) -> None:
        self.asked.append((query, parameters))

    @contextmanager
    def copy(self, query: str) -> Iterator[Self]:
        yield self
        self.asked.append((query, b"".join(self._copied)))

    def write(self, data: bytes) -> None:
        self._copied.append(data)


class Ceiling:
    """One connection's share."""

    def __init__(self, job: Job, pool: list[bytes]) -> None:
        self._connection = LimitedConnection.connect(job.settings["POSTGRES_DSN"])
        count = max(2, int(job.seconds * _MOST / job.batch_size))
        rules = load_rules(_rules_text())
        parser = Parser(rules)
        source = batches(pool, job.worker, job.batch_size)
        self._left = [_recorded(parser, _delivery(batch)) for batch in islice(source, count)][::-1]

    def commit_next(self) -> int:
        """Events in the transaction; 0 when nothing was left."""
        if not self._left:
            return 0
        events, asked = self._left.pop()
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for query, parameters in asked:
                if isinstance(parameters, bytes):
                    with cursor.copy(query) as copy:
                        copy.write(parameters)
                else:
                    cursor.execute(query, parameters)
        return events

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def _rules_text() -> str:
    return (files("payments_core") / "metrics.toml").read_text(encoding="utf-8")


def _delivery(batch: Any) -> Delivery:
    size = len(batch.bodies)
    numbers = list(range(batch.first_sequence, batch.first_sequence + size))
    return Delivery(batch.hub_name, str(batch.partition), batch.bodies, numbers, [batch.enqueued_at] * size)


def _recorded(parser: Parser, delivery: Delivery) -> tuple[int, list[tuple[str, Any]]]:
    """The same calls in the same order as `UnitOfWork`."""
    parsed = parser.parse_and_normalize(delivery)
    events = first_of_each(parsed.events)
    recorder = _Recorder(events.num_rows)
    cursor = cast("psycopg.Cursor[Any]", recorder)
    tables.claim_events(cursor, events)
    metrics = extract_metrics(events, parser.rules)
    tables.store_dynamic_metrics(cursor, metrics)
    tables.insert_files(cursor, delivery.event_hub, [_file(planned) for planned in plan_files(events)])
    tables.insert_sequences(cursor, delivery, parsed.indexes)
    tables.update_payment_metrics_5m(cursor, aggregate_payments(events))
    tables.update_aggregate_histograms(cursor, aggregate_histograms(metrics, DEFAULT_WINDOWS))
    return events.num_rows, recorder.asked


def _file(planned: Any) -> ArchiveFile:
    times = pc.min_max(planned.events["occurred_at"]).as_py()
    numbers = pc.min_max(planned.events["sequence_number"]).as_py()
    partition = planned.events["partition_id"][0].as_py()
    return ArchiveFile(
        planned.path, planned.events.num_rows, 1, times["min"], times["max"], partition, numbers["min"], numbers["max"]
    )
