"""Aggregates once more, in plain Python with exact numbers, and what it takes to compare them."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pyarrow as pa

from payments_core.aggregates import HistogramRow, PaymentRow
from payments_core.event import EVENT_SCHEMA
from payments_core.histogram import BUCKETS_PER_DOUBLING, DIGITS
from payments_core.metrics import METRIC_SCHEMA

EXACT = Context(prec=20_000)


class Entry(NamedTuple):
    """An event, or a metric of an event, as far as aggregates look at it."""

    names: tuple[str, str, str]
    value: Decimal
    instant: datetime


def payment_table(entries: Iterable[Entry]) -> Any:
    """`names` are method, currency and status."""
    keys = ("payment_method", "currency", "payment_status")
    rows = [dict(zip(keys, e.names, strict=True)) | {"amount": e.value, "occurred_at": e.instant} for e in entries]
    return pa.Table.from_pylist(
        rows, pa.schema([EVENT_SCHEMA.field(name) for name in (*keys, "amount", "occurred_at")])
    )


def metric_table(entries: Iterable[Entry]) -> Any:
    """`names` are metric, event type and transaction."""
    keys = ("metric_type", "event_type", "transaction_id")
    rows = [
        dict(zip(keys, e.names, strict=True)) | {"metric_value": e.value, "occurred_at": e.instant} for e in entries
    ]
    return pa.Table.from_pylist(rows, METRIC_SCHEMA)


def bucket(magnitude: Decimal) -> int:
    """The i with 2^(i/8) < magnitude <= 2^((i+1)/8), without a logarithm."""
    power = Fraction(magnitude) ** BUCKETS_PER_DOUBLING
    index = power.numerator.bit_length() - power.denominator.bit_length() - 2
    while power > Fraction(2) ** (index + 1):
        index += 1
    return index


def unpack(packed: str) -> dict[int, int]:
    """Counts by bucket of a packed histogram."""
    whole, _, decimals = f"{Decimal(packed):f}".partition(".")
    decimals += "0" * (-len(decimals) % DIGITS)
    digits = "0" * (-len(whole) % DIGITS) + whole + decimals
    groups = [int(digits[place : place + DIGITS]) for place in range(0, len(digits), DIGITS)]
    lowest = -len(decimals) // DIGITS
    return {index: count for index, count in enumerate(reversed(groups), lowest) if count}


def floor(instant: datetime, length: timedelta) -> datetime:
    """The start of its window by the clock's hands: for lengths that divide an hour, an hour, and a day."""
    minutes = int(length.total_seconds() // 60)
    hour = instant.hour if minutes < 24 * 60 else 0
    minute = instant.minute - instant.minute % minutes if minutes < 60 else 0
    return instant.replace(hour=hour, minute=minute, second=0, microsecond=0)


def recount_payments(entries: Iterable[Entry]) -> list[PaymentRow]:
    groups: dict[tuple[datetime, str, str, str], list[Decimal]] = {}
    for entry in entries:
        groups.setdefault((floor(entry.instant, timedelta(minutes=5)), *entry.names), []).append(entry.value)
    return [PaymentRow(*key, len(v), sum(v, Decimal(0)), min(v), max(v)) for key, v in sorted(groups.items())]


class Recount(NamedTuple):
    """A row of `aggregate_histograms` with its buckets unpacked."""

    key: tuple[Any, ...]
    event_count: int
    sum_value: Decimal
    min_value: Decimal
    max_value: Decimal
    buckets: dict[int, int]
    zero_count: int
    negative_buckets: dict[int, int]


def recount_histograms(entries: Iterable[Entry], lengths: tuple[timedelta, ...]) -> list[Recount]:
    groups: dict[tuple[Any, ...], list[Decimal]] = {}
    for (metric, event_type, _), value, instant in entries:
        for length in lengths:
            start = floor(instant, length)
            groups.setdefault((metric, event_type, start, start + length), []).append(value)
    return [
        Recount(
            key=key,
            event_count=len(values),
            sum_value=sum(values, Decimal(0)),
            min_value=min(values),
            max_value=max(values),
            buckets=dict(Counter(bucket(value) for value in values if value > 0)),
            zero_count=values.count(Decimal(0)),
            negative_buckets=dict(Counter(bucket(-value) for value in values if value < 0)),
        )
        for key, values in sorted(groups.items())
    ]


def unpacked(rows: Iterable[HistogramRow]) -> list[Recount]:
    return [
        Recount(row[:4], *row[4:8], row.buckets.counts(), row.zero_count, row.negative_buckets.counts()) for row in rows
    ]


def merge_payments(rows: Iterable[PaymentRow]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What an UPSERT of these rows, one after the other, leaves in the table."""
    merged: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in rows:
        count, total, low, high = merged.get(row[:4], (0, Decimal(0), row.min_amount, row.max_amount))
        amounts = (total + row.total_amount, min(low, row.min_amount), max(high, row.max_amount))
        merged[row[:4]] = (count + row.total_count, *amounts)
    return merged


def merge_histograms(rows: Iterable[HistogramRow]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The same for `aggregate_histograms`: both bucket columns are simply added."""
    merged: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in rows:
        empty = (0, Decimal(0), row.min_value, row.max_value, Decimal(0), 0, Decimal(0))
        count, total, low, high, buckets, zeros, negative = merged.get(row[:4], empty)
        merged[row[:4]] = (
            count + row.event_count,
            total + row.sum_value,
            min(low, row.min_value),
            max(high, row.max_value),
            EXACT.add(buckets, Decimal(str(row.buckets))),
            zeros + row.zero_count,
            EXACT.add(negative, Decimal(str(row.negative_buckets))),
        )
    return merged
