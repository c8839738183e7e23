"""Quantiles from the numbers that the core packs: within 5 % of the exact ones, for any values and any union."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest
from psycopg.errors import InvalidParameterValue

from payments.local.database import READER, create_database, drop_database
from payments_core.histogram import bucket_index, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from payments.local.postgres import PostgresServer

Connection = psycopg.Connection[Any]
QUANTILES = [0.0, 0.001, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0]
TOLERANCE = 0.0434
SHAPES: dict[str, Callable[[random.Random], float]] = {
    "amounts": lambda chance: chance.lognormvariate(4, 1.5),
    "refunds and payments": lambda chance: chance.gauss(0, 100),
    "mostly zero": lambda chance: chance.choice([0, 0, 0, 1, -1]) * chance.uniform(0.01, 10),
    "all negative": lambda chance: -chance.expovariate(0.01),
    "below one": lambda chance: chance.uniform(0.0001, 0.9999),
    "everything": lambda chance: chance.choice([-1, 1]) * 10 ** chance.uniform(-9, 18),
    "powers of two": lambda chance: 2.0 ** chance.randint(-29, 59),
}


@pytest.fixture(scope="module")
def reader(postgres_server: PostgresServer, migrated_template: str) -> Iterator[Connection]:
    """One database for all tests of this file: they only read."""
    create_database(postgres_server, "histograms", migrated_template)
    with psycopg.connect(postgres_server.dsn(READER, "histograms"), autocommit=True) as connection:
        yield connection
    drop_database(postgres_server, "histograms")


def draw(shape: str, seed: int, count: int) -> list[Decimal]:
    chance = random.Random(seed)  # noqa: S311 - the same values in every run
    return [Decimal(repr(SHAPES[shape](chance))).quantize(Decimal("1e-9")) for _ in range(count)]


def indexes(values: list[Decimal]) -> list[int]:
    found: list[int] = bucket_index(pa.array([abs(value) for value in values], pa.decimal128(38, 9))).to_pylist()
    return found


def window(values: list[Decimal]) -> tuple[str, int, str]:
    """The columns buckets, zero_count and negative_buckets."""
    positive, negative = indexes([v for v in values if v > 0]), indexes([v for v in values if v < 0])
    return pack(Counter(positive)), values.count(Decimal(0)), pack(Counter(negative))


def quantiles(reader: Connection, windows: list[tuple[str, int, str]], wanted: list[float]) -> list[float | None]:
    columns = [list(column) for column in zip(*windows, strict=True)] if windows else [[], [], []]
    rows = reader.execute(
        """
        SELECT histogram_quantile(q, b, z, n)
        FROM unnest(%s::double precision[]) WITH ORDINALITY AS wanted (q, place), (
            SELECT sum(buckets::numeric) AS b, sum(zero_count) AS z, sum(negative_buckets::numeric) AS n
            FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS part (buckets, zero_count, negative_buckets)
        ) AS whole
        ORDER BY place
        """,
        [wanted, *columns],
    ).fetchall()
    return [value for (value,) in rows]


def nearest_rank(values: list[Decimal], q: float) -> Decimal:
    return sorted(values)[max(1, ceil(Decimal(repr(q)) * len(values))) - 1]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_a_quantile_is_close_to_the_value_of_its_rank(reader: Connection, shape: str, count: int) -> None:
    """Of one window, and of the union of the windows that the same values are cut into."""
    values = draw(shape, seed=count, count=count)
    exact = [float(nearest_rank(values, q)) for q in QUANTILES]
    pieces = [window(values[start::3]) for start in range(3)]
    for estimate in (quantiles(reader, [window(values)], QUANTILES), quantiles(reader, pieces, QUANTILES)):
        assert estimate == [pytest.approx(value, rel=TOLERANCE, abs=0) for value in exact]


def test_the_rank_is_nearest_rank_in_decimal(reader: Connection) -> None:
    """Of 1, 4, 16, ... (100 values) the quantile 0.07 is the 7th: in binary, 0.07 * 100 is more than 7."""
    values = [Decimal(4) ** (n % 25) for n in range(100)]
    wanted = [0.07, 0.14, 0.28, 0.29, 0.55, 0.56, 0.57, 0.58]
    exact = [float(nearest_rank(values, q)) for q in wanted]
    assert quantiles(reader, [window(values)], wanted) == [pytest.approx(value, rel=TOLERANCE) for value in exact]


def test_nothing_has_no_quantile(reader: Connection) -> None:
    assert quantiles(reader, [], [0.5]) == [None]
    assert quantiles(reader, [("0", 0, "0")], [0.5]) == [None]


def test_zero_is_exact(reader: Connection) -> None:
    assert quantiles(reader, [("0", 3, "0")], [0.0, 0.5, 1.0]) == [0, 0, 0]


@pytest.mark.parametrize("q", [95, 1.0000001, -0.1, float("nan")])
def test_a_quantile_that_is_none_is_refused(reader: Connection, q: float) -> None:
    with pytest.raises(InvalidParameterValue, match="is not between 0 and 1"):
        quantiles(reader, [("1", 0, "0")], [q])


@pytest.mark.parametrize("shape", SHAPES)
def test_buckets_are_what_was_packed_and_hold_their_values(reader: Connection, shape: str) -> None:
    values = [abs(value) for value in draw(shape, seed=1, count=500) if value]
    packed = Counter(indexes(values))
    rows = reader.execute("SELECT * FROM histogram_buckets(%s::numeric)", [pack(packed)]).fetchall()
    assert {index: count for index, _, _, count in rows} == packed
    bounds = {index: (lower, upper) for index, lower, upper, _ in rows}
    for index, value in zip(indexes(values), map(float, values), strict=True):
        lower, upper = bounds[index]
        assert lower * (1 - 1e-12) < value <= upper * (1 + 1e-12)
    assert reader.execute("SELECT count(*) FROM histogram_buckets(0)").fetchone() == (0,)


def test_a_bucket_can_be_filled_to_twelve_digits(reader: Connection) -> None:
    packed = pack({-1: 10**12 - 1, 0: 1, 1: 10**12 - 1})
    rows = reader.execute("SELECT index, count FROM histogram_buckets(%s::numeric) ORDER BY 1", [packed]).fetchall()
    assert rows == [(-1, 10**12 - 1), (0, 1), (1, 10**12 - 1)]
