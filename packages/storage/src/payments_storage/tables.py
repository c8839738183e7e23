"""The writes of one batch into PostgreSQL, each in the caller's transaction. The SQL stands in queries/ingest.sql."""

import json
from collections.abc import Callable
from datetime import date
from operator import attrgetter
from typing import Any, Final

import pgpq
import pyarrow as pa
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb
from psycopg import Cursor
from psycopg.types.json import Jsonb as JsonbParameter

from payments_core.aggregates import HistogramRow, PaymentRow
from payments_core.errors import ErrorCode, Stage
from payments_core.event import Delivery, Rejection
from payments_core.repeats import Identity, identities
from payments_storage import arrays
from payments_storage.raw_event_store import ArchiveFile, FileCommittedError
from payments_storage.sql import load_queries

_SQL: Final = load_queries("ingest")
_PAYMENT_ARRAYS: Final[dict[str, Callable[[list[Any]], arrays.Array]]] = {
    "window_start": arrays.timestamps,
    "payment_method": arrays.texts,
    "currency": arrays.texts,
    "payment_status": arrays.texts,
    "total_count": arrays.bigints,
    "total_amount": arrays.decimals,
    "min_amount": arrays.decimals,
    "max_amount": arrays.decimals,
}
_HISTOGRAM_ARRAYS: Final[dict[str, Callable[[list[Any]], arrays.Array]]] = {
    "metric_type": arrays.texts,
    "event_type": arrays.texts,
    "time_window_start": arrays.timestamps,
    "time_window_end": arrays.timestamps,
    "event_count": arrays.bigints,
    "sum_value": arrays.decimals,
    "min_value": arrays.decimals,
    "max_value": arrays.decimals,
    "zero_count": arrays.bigints,
}


def claim_events(cursor: Cursor[Any], events: pa.Table) -> pa.Table:
    """Those of the events (distinct by identity) that nobody has claimed; waits for whoever is claiming the same."""
    cursor.execute(
        _SQL["claim_events"],
        {
            "event_ids": arrays.uuids(events["event_id"].to_pylist()),
            "payload_hashes": arrays.bigints(events["payload_hash"].to_pylist()),
            "occurred_on": arrays.dates(events["occurred_at"]),
            "enqueued_on": arrays.dates(events["enqueued_at"]),
        },
    )
    if cursor.rowcount == events.num_rows:
        return events
    claimed = set(cursor.fetchall())
    return events.filter(pa.array([identity in claimed for identity in identities(events)]))


def known_payloads(cursor: Cursor[Any], events: pa.Table) -> dict[Identity, int]:
    """Identity -> payload hash under which it was claimed."""
    parameters = {
        "event_ids": arrays.uuids(events["event_id"].to_pylist()),
        "occurred_on": arrays.dates(events["occurred_at"]),
    }
    rows = cursor.execute(_SQL["known_payloads"], parameters).fetchall()
    return {Identity(event_id, occurred_on): payload_hash for event_id, occurred_on, payload_hash in rows}


def committed_files(cursor: Cursor[Any], paths: list[str]) -> list[str]:
    """Which of these paths the manifest knows already."""
    return [row[0] for row in cursor.execute(_SQL["committed_files"], {"paths": paths}).fetchall()]


def store_dynamic_metrics(cursor: Cursor[Any], metrics: pa.Table, rebuilt: date | None = None) -> None:
    """Writes `payments_core.metrics.METRIC_SCHEMA` rows. `created_at` is the time of the event.

    With `rebuilt`, the day of them all, into the table that is to take the place of that day's partition.
    """
    table = "dynamic_metrics" if rebuilt is None else f"dynamic_metrics_{rebuilt:%Y%m%d}_rebuilt"
    rows = pa.table(
        {
            "transaction_id": metrics["transaction_id"],
            "correlation_id": metrics["correlation_id"],
            "metric_type": metrics["metric_type"],
            "metric_value": metrics["metric_value"],
            "metric_data": _metric_data(metrics["unit"]),
            "created_at": metrics["occurred_at"],
        }
    ).combine_chunks()
    encoders = {
        field.name: StringEncoderBuilder.new_with_output(field, Jsonb())
        if field.name == "metric_data"
        else pgpq.ArrowToPostgresBinaryEncoder.infer_encoder(field)
        for field in rows.schema
    }
    encoder = pgpq.ArrowToPostgresBinaryEncoder.new_with_encoders(rows.schema, encoders)
    with cursor.copy(_SQL["copy_metrics"].replace("dynamic_metrics", table)) as copy:
        copy.write(encoder.write_header())
        for batch in rows.to_batches():
            copy.write(encoder.write_batch(batch))
        copy.write(encoder.finish())


def _metric_data(units: pa.ChunkedArray) -> pa.Array:
    distinct = units.combine_chunks().dictionary_encode()
    texts = pa.array([json.dumps({"unit": unit}) for unit in distinct.dictionary.to_pylist()], pa.string())
    return texts.take(distinct.indices)


def insert_failed_items(cursor: Cursor[Any], delivery: Delivery, rejections: list[Rejection]) -> int:
    """Quarantines rejected events with their exact bytes. Returns how many were not there yet."""
    cursor.execute(_SQL["insert_failed_items"], _failed_items(delivery, rejections))
    return cursor.rowcount


def defer_archive(cursor: Cursor[Any], delivery: Delivery, events: pa.Table, reason: str) -> None:
    """Notes for the redrive that these events are counted, and in no archive file yet."""
    deferred = [
        Rejection(
            index=row["index"],
            stage=Stage.ARCHIVE,
            code=ErrorCode.ARCHIVE_UNAVAILABLE,
            message=reason,
            event_id=row["event_id"],
            transaction_id=row["transaction_id"],
        )
        for row in events.select(["index", "event_id", "transaction_id"]).to_pylist()
    ]
    cursor.execute(_SQL["defer_archive"], _failed_items(delivery, deferred))


def _failed_items(delivery: Delivery, rejections: list[Rejection]) -> dict[str, Any]:
    return {
        "event_hub": delivery.event_hub,
        "partition_id": delivery.partition_id,
        "stages": [rejection.stage.value for rejection in rejections],
        "error_codes": [rejection.code.value for rejection in rejections],
        "messages": [rejection.message for rejection in rejections],
        "details": [JsonbParameter(_detail(delivery, rejection)) for rejection in rejections],
        "payloads": [delivery.bodies[rejection.index] for rejection in rejections],
        "sequence_numbers": [delivery.sequence_numbers[rejection.index] for rejection in rejections],
        "enqueued_at": [delivery.enqueued_at[rejection.index] for rejection in rejections],
        "event_ids": [rejection.event_id for rejection in rejections],
        "transaction_ids": [rejection.transaction_id for rejection in rejections],
    }


def _detail(delivery: Delivery, rejection: Rejection) -> dict[str, Any]:
    detail: dict[str, Any] = {"field": rejection.field} if rejection.field else {}
    redactions = delivery.redactions.get(rejection.index)
    return detail | ({"redactions": redactions} if redactions else {})


def insert_sequences(cursor: Cursor[Any], delivery: Delivery, indexes: list[int]) -> None:
    """Records that the events at these places of the delivery have been dealt with."""
    days: list[date] = []
    first: list[int] = []
    last: list[int] = []
    for index in indexes:
        number, day = delivery.sequence_numbers[index], delivery.enqueued_at[index].date()
        if last and last[-1] + 1 == number and days[-1] == day:
            last[-1] = number
        else:
            days.append(day)
            first.append(number)
            last.append(number)
    cursor.execute(
        _SQL["insert_sequences"],
        {
            "event_hub": delivery.event_hub,
            "partition_id": delivery.partition_id,
            "enqueued_on": days,
            "first_numbers": first,
            "last_numbers": last,
        },
    )


def insert_files(cursor: Cursor[Any], event_hub: str, files: list[ArchiveFile]) -> None:
    """Raises FileCommittedError for names that the manifest has. Blob Storage may not have them any more: compacted."""
    cursor.execute(
        _SQL["insert_files"],
        {
            "event_hub": event_hub,
            "paths": [file.path for file in files],
            "rows": [file.rows for file in files],
            "bytes": [file.bytes for file in files],
            "min_occurred_at": [file.min_occurred_at for file in files],
            "max_occurred_at": [file.max_occurred_at for file in files],
            "partition_ids": [file.partition_id for file in files],
            "first_sequence_numbers": [file.first_sequence_number for file in files],
            "last_sequence_numbers": [file.last_sequence_number for file in files],
        },
    )
    if cursor.rowcount < len(files):
        raise FileCommittedError(committed_files(cursor, [file.path for file in files]))


def update_payment_metrics_5m(cursor: Cursor[Any], rows: list[PaymentRow], *, rebuilt: bool = False) -> None:
    columns = _columns(_PAYMENT_ARRAYS, PaymentRow._fields, rows)
    statement = _SQL["upsert_payment_metrics_5m"]
    cursor.execute(_beside(statement, "payment_metrics_5m") if rebuilt else statement, columns)


def update_aggregate_histograms(cursor: Cursor[Any], rows: list[HistogramRow], *, rebuilt: bool = False) -> None:
    columns = _columns(_HISTOGRAM_ARRAYS, HistogramRow._fields, rows)
    for name in ("buckets", "negative_buckets"):
        columns[name] = arrays.histograms(map(attrgetter(name, "event_count"), rows))
    statement = _SQL["upsert_aggregate_histograms"]
    cursor.execute(_beside(statement, "aggregate_histograms") if rebuilt else statement, columns)


def _beside(statement: str, table: str) -> str:
    """The same into the table that is to take this one's place."""
    return statement.replace(f"INTO {table} ", f"INTO rebuilt_{table} ")


def _columns(
    arrays_of: dict[str, Callable[[list[Any]], arrays.Array]], names: tuple[str, ...], rows: list[Any]
) -> dict[str, arrays.Array]:
    """Rows as one array for each column, as `unnest` takes them."""
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    return {name: array(list(columns.get(name, ()))) for name, array in arrays_of.items()}
