"""Metric extraction: from transactions in columns to one row for each transaction and metric."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.batch import METRIC_PREFIX
from payments_core.event import AMOUNT, TIMESTAMP
from payments_core.rules import CURRENCY_UNIT, MetricRule

METRIC_SCHEMA: Final = pa.schema(
    [
        pa.field("transaction_id", pa.string(), nullable=False),
        pa.field("correlation_id", pa.binary(16)),
        pa.field("metric_type", pa.string(), nullable=False),
        pa.field("metric_value", AMOUNT, nullable=False),
        pa.field("unit", pa.string()),
        pa.field("event_type", pa.string(), nullable=False),
        pa.field("occurred_at", TIMESTAMP, nullable=False),
    ]
)


def extract_metrics(events: pa.Table, rules: tuple[MetricRule, ...]) -> pa.Table:
    """The metrics (METRIC_SCHEMA) of `events`, a table as `Parser` makes it: rule by rule, events in order."""
    events = events.set_column(
        events.schema.get_field_index("correlation_id"), "correlation_id", _uuid_bytes(events["correlation_id"])
    )
    parts = [_metric(events, rule) for rule in rules]
    return pa.concat_tables([METRIC_SCHEMA.empty_table(), *parts])


def _metric(events: pa.Table, rule: MetricRule) -> pa.Table:
    admitted = pc.is_valid(events[METRIC_PREFIX + rule.name])
    for field, values in rule.when.items():
        admitted = pc.and_(admitted, pc.is_in(events[field], pa.array(sorted(values))))
    columns = {
        "transaction_id": events["transaction_id"],
        "correlation_id": events["correlation_id"],
        "metric_type": pa.repeat(pa.scalar(rule.name, pa.string()), len(events)),
        "metric_value": events[METRIC_PREFIX + rule.name],
        "unit": events["currency"]
        if rule.unit == CURRENCY_UNIT
        else pa.repeat(pa.scalar(rule.unit, pa.string()), len(events)),
        "event_type": events["event_type"],
        "occurred_at": events["occurred_at"],
    }
    return pa.table(columns, METRIC_SCHEMA).filter(admitted)


def _uuid_bytes(texts: pa.ChunkedArray) -> pa.Array:
    """Canonical UUID texts as their 16 bytes."""
    uuids = [None if text is None else bytes.fromhex(text.replace("-", "")) for text in texts.to_pylist()]
    return pa.array(uuids, pa.binary(16))
