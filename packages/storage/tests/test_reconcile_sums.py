"""Sums of very many rows: however they come in pieces, they are those of all rows at once."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pytest

from payments_core.aggregates import EPOCH
from payments_core.histogram import Buckets
from payments_storage.reconcile import running
from payments_storage.reconcile.cells import Cells
from payments_storage.reconcile.running import Hourly
from payments_storage.reconcile.span import Span

NOON: Final = datetime(2026, 3, 14, 12, tzinfo=UTC)
SPAN: Final = Span(NOON, NOON + timedelta(hours=3))
MINUTE: Final = 60_000_000
HOUR: Final = 60 * MINUTE
START: Final = (NOON - EPOCH) // timedelta(microseconds=1)

Value = tuple[int, int, bool, int]
"""Name, minute of the span, sign and bucket."""


def values(count: int) -> list[Value]:
    """By chance, with buckets that come above and below those that are there."""
    chance = random.Random(7)  # noqa: S311 - no secret
    return [
        (chance.randrange(3), chance.randrange(180), chance.random() < 0.3, chance.randrange(-240, 771))
        for _ in range(count)
    ]


def cells(rows: list[Value], piece: int) -> Cells:
    result = Cells(timedelta(minutes=1))
    for place in range(0, len(rows), piece):
        names, minutes, signs, buckets = zip(*rows[place : place + piece], strict=True)
        result.add(
            pa.array(names, pa.int32()),
            pa.array([START + minute * MINUTE for minute in minutes], pa.int64()),
            pa.array(signs),
            pa.array([*buckets], pa.int32()),
        )
    return result


@pytest.mark.parametrize("minutes", [1, 5, 60, 180])
def test_a_window_has_each_bucket_of_its_values_as_often_as_there_are_such_values(minutes: int) -> None:
    rows = values(5_000)
    due = Counter(
        (name, START + minute // minutes * minutes * MINUTE, sign, bucket) for name, minute, sign, bucket in rows
    )
    found = cells(rows, piece=300).within(SPAN, timedelta(minutes=minutes))
    counted = {
        (*key, bucket): count for key, lanes in found.items() for bucket, count in Buckets(*lanes).counts().items()
    }
    assert counted == due


def test_windows_that_reach_out_of_the_span_are_left_out() -> None:
    part = Span(NOON + timedelta(minutes=30), NOON + timedelta(minutes=100))
    found = cells(values(5_000), piece=5_000)
    assert {start for _, start, _ in found.within(part, timedelta(hours=1))} == set()
    assert {start for _, start, _ in found.within(part, timedelta(minutes=20))} == {
        START + minute * MINUTE for minute in (40, 60, 80)
    }


def test_zero_has_no_bucket() -> None:
    found = Cells(timedelta(minutes=1))
    found.add(pa.array([0]), pa.array([START]), pa.array([False]), pa.array([None], pa.int32()))
    assert found.within(SPAN, timedelta(minutes=1)) == {}


def test_hourly_sums_are_those_of_all_rows_and_only_of_hours_that_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "_PENDING_ROWS", 10)
    rows = values(2_000)
    sums = Hourly(["minute", "name"], {"count": "sum", "highest": "max"})
    for place in range(0, len(rows), 150):
        names, minutes, _, buckets = zip(*rows[place : place + 150], strict=True)
        table = pa.table({"minute": minutes, "name": names, "count": [1] * len(names), "highest": buckets})
        sums.add(pa.chunked_array([[START + minute * MINUTE for minute in minutes]]), table)
    hours = dict(sums.totals(Span(NOON + timedelta(minutes=90), SPAN.end)))
    assert sorted(hours) == [START + HOUR, START + 2 * HOUR]
    found = {(row["minute"], row["name"]): row["count"] for table in hours.values() for row in table.to_pylist()}
    assert found == Counter((minute, name) for name, minute, _, _ in rows if minute >= 60)
