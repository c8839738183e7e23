"""What PostgreSQL makes of our binary arrays: the same values, whatever their number and size."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest

from payments_core.histogram import LANE, Buckets, pack
from payments_storage import arrays

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Database

COUNTS = [
    {},
    {0: 1},
    {-1: 3, 2: 9_999},
    {-240: 7, 480: 8},
    {5: 10_000, 6: 1},
    {0: 10**12 - 1, 1: 1},
    {-3: 99_990_000, -2: 12_345_678_901},
]


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.dsn) as connection:
        yield connection


def read(connection: psycopg.Connection[Any], element: str, array: arrays.Array) -> list[Any]:
    ((values,),) = connection.execute(f"SELECT %(array)b::{element}[]", {"array": array}).fetchall()
    assert isinstance(values, list)
    return values


def buckets(counts: dict[int, int]) -> Buckets:
    lowest = min(counts, default=0) - 2  # a batch's lowest bucket is rarely that of the row
    return Buckets(lowest, sum(count << LANE * (index - lowest) for index, count in counts.items()))


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_ids_numbers_and_days_arrive_as_they_were(connection: psycopg.Connection[Any], count: int) -> None:
    ids = [UUID(int=place * 2**100 + place) for place in range(count)]
    numbers = [(-1) ** place * place * 2**53 for place in range(count)]
    moments = [datetime(2000 + place % 99, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC) for place in range(count)]
    column = pa.chunked_array([pa.array(moments, pa.timestamp("us", "UTC"))])
    assert read(connection, "uuid", arrays.uuids([str(each) for each in ids])) == ids
    assert read(connection, "bigint", arrays.bigints(numbers)) == numbers
    assert read(connection, "date", arrays.dates(column)) == [moment.date() for moment in moments]


def test_a_day_before_2000_is_not_another_one(connection: psycopg.Connection[Any]) -> None:
    column = pa.chunked_array([pa.array([datetime(1999, 12, 31, tzinfo=UTC)], pa.timestamp("us", "UTC"))])
    assert read(connection, "date", arrays.dates(column)) == [date(1999, 12, 31)]


def test_histograms_arrive_digit_by_digit(connection: psycopg.Connection[Any]) -> None:
    parameter = arrays.histograms((buckets(counts), max(counts.values(), default=0)) for counts in COUNTS)
    assert read(connection, "numeric", parameter) == [Decimal(pack(counts)) for counts in COUNTS]


def test_histograms_of_a_count_that_is_only_known_to_be_large_are_the_same(
    connection: psycopg.Connection[Any],
) -> None:
    parameter = arrays.histograms((buckets(counts), 10**12) for counts in COUNTS)
    assert read(connection, "numeric", parameter) == [Decimal(pack(counts)) for counts in COUNTS]


@pytest.mark.parametrize("count", [0, 1, 50])
def test_names_times_and_amounts_arrive_as_they_were(connection: psycopg.Connection[Any], count: int) -> None:
    names = [("card", "iban", "\u00e4\u20ac\U0001f600", "a'b\\c\n")[place % 4] for place in range(count)]
    times = [datetime(1970 + place % 3, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC) for place in range(count)]
    amounts = [Decimal(place - 3).scaleb(-place % 29) * 10 ** (place % 20) for place in range(count)]
    assert read(connection, "text", arrays.texts(names)) == names
    assert read(connection, "timestamptz", arrays.timestamps(times)) == times
    assert read(connection, "numeric", arrays.decimals(amounts)) == amounts
