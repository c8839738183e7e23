"""The archive's payloads parsed again, by the rules of today: what the index and the metrics must be made of."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa

from payments_core.aggregates import EPOCH
from payments_core.batch import Parser
from payments_core.event import EVENT_SCHEMA, Delivery, Rejection
from payments_storage.errors import PermanentStorageError
from payments_storage.reconcile.findings import Check, Kind
from payments_storage.reconcile.snapshot import INDEX_ROWS, METRIC_ROWS, Snapshot
from payments_storage.sql import load_queries

_SQL: Final = load_queries("reconcile")

_FROM_DELIVERY: Final = ("event_payload", "partition_id", "sequence_number", "enqueued_at", "redactions")
_FROM_PAYLOAD: Final = [name for name in EVENT_SCHEMA.names if name not in _FROM_DELIVERY]
_DEFERRED_AT_ONCE: Final = 10_000


def parse_archived(parser: Parser, archived: pa.Table, check: Check) -> pa.Table:
    """The events as the parser makes them; names those whose columns say something else."""
    count = archived.num_rows
    bodies = archived["event_payload"].cast(pa.binary()).to_pylist()
    batch = parser.parse_and_normalize(Delivery("", "", bodies, [0] * count, _moments(archived["enqueued_at"])))
    _name_invalid(batch.rejections, archived["event_id"].to_pylist(), check)
    if batch.rejections:
        archived = archived.take(batch.events["index"])
    check.saw("events", count)
    parsed = batch.events.select(_FROM_PAYLOAD)
    archived = archived.select(_FROM_PAYLOAD)
    if not parsed.equals(archived):
        for due, found in zip(parsed.to_pylist(), archived.to_pylist(), strict=True):
            wrong = [name for name in _FROM_PAYLOAD if due[name] != found[name]]
            if wrong:
                where = f"event {due['event_id']} at {due['occurred_at'].isoformat()}"
                check.differs(Kind.PAYLOAD_DIFFERS, where, "as the payload", f"other {', '.join(wrong)}")
    return batch.events


def _moments(times: pa.ChunkedArray) -> list[datetime]:
    """As `to_pylist`, which asks for the time zone of each: a hub gives many events one time."""
    distinct = times.combine_chunks().dictionary_encode()
    moments = [EPOCH + timedelta(microseconds=micros) for micros in distinct.dictionary.cast(pa.int64()).to_pylist()]
    return [moments[place] for place in distinct.indices.to_pylist()]


def _name_invalid(rejections: list[Rejection], event_ids: list[str], check: Check) -> None:
    for rejection in rejections:
        check.differs(Kind.PAYLOAD_INVALID, f"event {event_ids[rejection.index]}", "valid", rejection.code.value)


def deferred_events(snapshot: Snapshot, parser: Parser) -> Iterator[tuple[str, pa.Table]]:
    """Hub and parsed events of what counts and waits for its archive file; each table is of one hub and partition."""
    ((waiting, may_read),) = snapshot.rows(_SQL["may_read_payloads"])
    if not waiting:
        return
    if not may_read:
        raise PermanentStorageError(
            f"{waiting} events wait for their archive file, and this login may not read them in failed_items: "
            "use a login that is a member of payments_writer"
        )
    rows: list[tuple[object, ...]] = []
    for row in snapshot.each(_SQL["deferred_events"]):
        if rows and (len(rows) >= _DEFERRED_AT_ONCE or row[:2] != rows[0][:2]):
            yield _parse_deferred(parser, rows)
            rows = []
        rows.append(row)
    yield _parse_deferred(parser, rows)


def _parse_deferred(parser: Parser, rows: list[tuple[object, ...]]) -> tuple[str, pa.Table]:
    hubs, partitions, numbers, times, payloads, _ = (list(column) for column in zip(*rows, strict=True))
    batch = parser.parse_and_normalize(Delivery(hubs[0], partitions[0], payloads, numbers, times))
    return hubs[0], batch.events


def index_rows(events: pa.Table) -> pa.Table:
    """What ingested_events must have of parsed events."""
    columns = [events["event_id"], events["payload_hash"], events["enqueued_at"].cast(pa.date32())]
    return pa.table(columns, INDEX_ROWS)


def metric_rows(metrics: pa.Table) -> pa.Table:
    """What dynamic_metrics must have, of `payments_core.metrics.METRIC_SCHEMA`."""
    renamed = metrics.rename_columns({"occurred_at": "created_at"})
    place = renamed.schema.get_field_index("correlation_id")
    renamed = renamed.set_column(place, "correlation_id", _uuid_texts(renamed["correlation_id"]))
    return renamed.select(METRIC_ROWS.names).cast(METRIC_ROWS)


def _uuid_texts(column: pa.ChunkedArray) -> pa.Array:
    distinct = column.combine_chunks().dictionary_encode()
    texts = []
    for value in distinct.dictionary.to_pylist():
        digits = value.hex()
        texts.append(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")
    return pa.array(texts, pa.string()).take(distinct.indices)
