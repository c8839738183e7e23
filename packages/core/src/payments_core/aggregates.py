"""Windows and additive aggregates: what one batch adds to `payment_metrics_5m` and `aggregate_histograms`.

A window is integer division of the instant by its length, against the Unix epoch; so windows never
overlap, and every window is a union of the shortest ones. Rows come sorted by their full key: all
writers then lock them in the same order.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.event import AMOUNT
from payments_core.histogram import LANE, Buckets, bucket_index

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIVE_MINUTES: Final = timedelta(minutes=5)
_MICROSECOND: Final = timedelta(microseconds=1)
# Scalars have types throughout the columns' way: without one, pyarrow looks for packages that are not there, each time.
_ZERO: Final = pa.scalar(Decimal(0), AMOUNT)
_EMPTY: Final = (Buckets(0, 0), Buckets(0, 0))
_MORE_THAN_WINDOWS: Final = pa.scalar(1 << 40, pa.int64())  # there are seconds in 30,000 years
DEFAULT_WINDOWS: Final = (timedelta(minutes=1), FIVE_MINUTES, timedelta(hours=1), timedelta(days=1))


class PaymentRow(NamedTuple):
    """An addition to one row of `payment_metrics_5m`."""

    window_start: datetime
    payment_method: str
    currency: str
    payment_status: str
    total_count: int
    total_amount: Decimal
    min_amount: Decimal
    max_amount: Decimal


class HistogramRow(NamedTuple):
    """An addition to one row of `aggregate_histograms`. `negative_buckets` has the values below zero, without sign."""

    metric_type: str
    event_type: str
    time_window_start: datetime
    time_window_end: datetime
    event_count: int
    sum_value: Decimal
    min_value: Decimal
    max_value: Decimal
    buckets: Buckets
    zero_count: int
    negative_buckets: Buckets


class WindowsError(ValueError):
    """A list of window lengths that cannot be used."""


def check_windows(lengths: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    """Lengths in ascending order. Each must be a multiple of the one before, so that windows nest."""
    ordered = tuple(sorted(set(lengths)))
    if not ordered or ordered[0] < timedelta(seconds=1) or ordered[0] % timedelta(seconds=1):
        raise WindowsError("windows must be whole seconds, at least one")
    for shorter, longer in pairwise(ordered):
        if longer % shorter:
            raise WindowsError(f"a window of {longer} cannot be made of windows of {shorter}")
    return ordered


def window_start(instants: pa.Array, length: timedelta) -> pa.Array:
    """The start (int64, microseconds since the epoch) of each instant's window; instants are 1970 or later."""
    micros = _micros(length)
    return pc.multiply(pc.divide(instants.cast(pa.int64()), micros), micros)


def aggregate_keys(events: pa.Table, shortest: timedelta) -> pa.Array:
    """A number (int64) for each event; two are equal where event type and shortest window are.

    Each of them makes a row of `aggregate_histograms` for every metric and window length.
    """
    types = events["event_type"].combine_chunks().dictionary_encode().indices.cast(pa.int64())
    windows = pc.divide(events["occurred_at"].combine_chunks().cast(pa.int64()), _micros(shortest))
    return pc.add(pc.multiply(types, _MORE_THAN_WINDOWS), windows)


def _micros(length: timedelta) -> pa.Scalar:
    return pa.scalar(length // _MICROSECOND, pa.int64())


def aggregate_payments(events: pa.Table) -> list[PaymentRow]:
    """The events per 5-minute window, payment method, currency and status."""
    keys = ["window_start", "payment_method", "currency", "payment_status"]
    grouped = (
        events.select(["payment_method", "currency", "payment_status", "amount"])
        .append_column("window_start", window_start(events["occurred_at"], FIVE_MINUTES))
        .group_by(keys, use_threads=False)
        .aggregate([("amount", "count"), ("amount", "sum"), ("amount", "min"), ("amount", "max")])
        .sort_by([(key, "ascending") for key in keys])
    )
    names = [*keys, "amount_count", "amount_sum", "amount_min", "amount_max"]
    return [PaymentRow(_instant(start), *rest) for start, *rest in _rows(grouped, names)]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Very many tuples and no cycle among them: to look for some after every 700 would take as long as the work."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_uncollected()
def aggregate_histograms(metrics: pa.Table, lengths: tuple[timedelta, ...]) -> list[HistogramRow]:
    """The metrics (`metrics.METRIC_SCHEMA`) per metric, event type and window of each length.

    `lengths` as `check_windows` returns them: the metrics are grouped once by the shortest, and the
    longer windows are made of those groups.
    """
    value = metrics["metric_value"]
    table = pa.table(
        {
            "metric_type": metrics["metric_type"],
            "event_type": metrics["event_type"],
            "start": window_start(metrics["occurred_at"], lengths[0]),
            "value": value,
            "zero": pc.equal(value, _ZERO).cast(pa.int64()),
            "negative": pc.less(value, _ZERO),
            "index": bucket_index(pc.abs(value)),
        }
    )
    keys = ["metric_type", "event_type", "start"]
    summary = table.group_by(keys, use_threads=False).aggregate(
        [("value", "count"), ("value", "sum"), ("value", "min"), ("value", "max"), ("zero", "sum")]
    )
    summary = summary.rename_columns([*keys, "count", "sum", "min", "max", "zero"])
    summary = _widen(summary, lengths).group_by([*keys, "end"], use_threads=False)
    summary = summary.aggregate([("count", "sum"), ("sum", "sum"), ("min", "min"), ("max", "max"), ("zero", "sum")])
    summary = summary.sort_by([(key, "ascending") for key in (*keys, "end")])

    histograms = _histograms(table, lengths)
    moments = {*pc.unique(summary["start"]).to_pylist(), *pc.unique(summary["end"]).to_pylist()}
    instants = {micros: _instant(micros) for micros in moments}
    rows = []
    for row in _rows(summary, [*keys, "end", "count_sum", "sum_sum", "min_min", "max_max", "zero_sum"]):
        metric_type, event_type, start, end, count, total, low, high, zeros = row
        positive, negative = histograms[end - start].get((metric_type, event_type, start), _EMPTY)
        times = instants[start], instants[end]
        rows.append(HistogramRow(metric_type, event_type, *times, count, total, low, high, positive, zeros, negative))
    return rows


def _widen(table: pa.Table, lengths: tuple[timedelta, ...]) -> pa.Table:
    """The table once for each window length, `start` moved to that window's start and `end` added."""
    parts = []
    for length in lengths:
        start = window_start(table["start"], length)
        end = pc.add(start, _micros(length))
        place = table.schema.get_field_index("start")
        parts.append(table.set_column(place, "start", start).append_column("end", end))
    return pa.concat_tables(parts)


def _histograms(
    table: pa.Table, lengths: tuple[timedelta, ...]
) -> dict[int, dict[tuple[str, str, int], tuple[Buckets, Buckets]]]:
    """Window length -> (metric, event type, start) -> histograms of the positive and of the negative values.

    Buckets are counted for the shortest window; the longer ones are sums of those, whole histograms at a time.
    """
    counted = table.filter(pc.is_valid(table["index"]))
    names = ["metric_type", "event_type", "start", "negative", "index"]
    counted = counted.group_by(names, use_threads=False).aggregate([("value", "count")])
    lowest = pc.min(counted["index"]).as_py()
    shortest: dict[tuple[str, str, int], list[int]] = {}
    for metric_type, event_type, start, negative, index, count in _rows(counted, [*names, "value_count"]):
        signs = shortest.setdefault((metric_type, event_type, start), [0, 0])
        signs[negative] += count << LANE * (index - lowest)
    result: dict[int, dict[tuple[str, str, int], tuple[Buckets, Buckets]]] = {}
    none = Buckets(lowest, 0)
    for length in lengths:
        micros = length // _MICROSECOND
        sums: dict[tuple[str, str, int], tuple[int, int]] = {}
        for (metric_type, event_type, start), (positive, negative) in shortest.items():
            key = metric_type, event_type, start - start % micros
            known = sums.get(key)
            sums[key] = (positive, negative) if known is None else (known[0] + positive, known[1] + negative)
        result[micros] = {
            key: (Buckets(lowest, positive), Buckets(lowest, negative) if negative else none)
            for key, (positive, negative) in sums.items()
        }
    return result


def _rows(table: pa.Table, names: list[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(_values(table[name].combine_chunks()) for name in names), strict=True)


def _values(column: pa.Array) -> list[Any]:
    """As `to_pylist`, which takes a microsecond for a decimal: equal ones are made once."""
    if not pa.types.is_decimal128(column.type):
        values: list[Any] = column.to_pylist()
        return values
    distinct = column.dictionary_encode()
    decimals = distinct.dictionary.to_pylist()
    return [decimals[place] for place in distinct.indices.to_pylist()]


def _instant(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
