"""Buckets: no estimate is more than 5 % off, packed histograms add up, and percentiles come out of any union."""

from decimal import Decimal
from math import ceil

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments_core.event import AMOUNT
from payments_core.histogram import BUCKETS_PER_DOUBLING, DIGITS, bucket_index, pack

from .recount import EXACT, bucket, unpack

LARGEST = Decimal("999999999999999999.999999999")
SMALLEST = Decimal("0.000000001")
COUNTS = st.dictionaries(st.integers(-240, 480), st.integers(1, 10**9), max_size=12)


def index_of(value: Decimal) -> int:
    index = bucket_index(pa.array([value], AMOUNT))[0].as_py()
    assert isinstance(index, int)
    return index


def middle(index: int) -> Decimal:
    return Decimal(2.0 ** ((index + 0.5) / BUCKETS_PER_DOUBLING))


@st.composite
def magnitudes(draw: st.DrawFn) -> Decimal:
    """Over the whole range, each order of magnitude as likely as another."""
    return draw(st.decimals(1, 10, places=9)).scaleb(draw(st.integers(-9, 17))).quantize(SMALLEST, context=EXACT)


@example(SMALLEST)
@example(LARGEST)
@given(magnitudes())
def test_the_middle_of_a_bucket_is_within_five_percent_of_every_value_in_it(value: Decimal) -> None:
    assert abs(middle(index_of(value)) - value) / value < Decimal("0.05")


@pytest.mark.parametrize("exponent", range(-29, 60))
def test_about_each_power_of_two_the_bound_holds(exponent: int) -> None:
    power = Decimal(2) ** exponent
    for value in (power - SMALLEST, power, power + SMALLEST):
        rounded = value.quantize(SMALLEST, context=EXACT)
        if rounded:
            assert abs(middle(index_of(rounded)) - rounded) / rounded < Decimal("0.05")


@given(st.integers(1, 10**12).map(lambda units: Decimal(units).scaleb(-6)))
def test_a_bucket_reaches_from_above_its_lower_edge_to_its_upper_edge(value: Decimal) -> None:
    """Held against exact arithmetic: 2^(i/8) < value <= 2^((i+1)/8)."""
    assert index_of(value) == bucket(value)


@pytest.mark.parametrize(
    ("value", "index"), [("0.5", -9), ("1", -1), ("1.000000001", 0), ("2", 7), ("2.1", 8), ("4", 15)]
)
def test_a_power_of_two_is_the_upper_edge_of_its_bucket(value: str, index: int) -> None:
    assert index_of(Decimal(value)) == index


def test_zero_and_null_have_no_bucket() -> None:
    values = pa.chunked_array([[Decimal(0), None], [Decimal(1)]], AMOUNT)
    assert bucket_index(values).to_pylist() == [None, None, -1]


def test_a_histogram_is_packed_into_one_number_twelve_digits_a_bucket() -> None:
    """Written down, for SQL reads it: bucket i is the digits before 10^(12 i)."""
    assert Decimal(pack({})) == 0
    assert Decimal(pack({0: 7})) == 7
    assert Decimal(pack({1: 5, 0: 7})) == Decimal(5_000_000_000_007)
    assert Decimal(pack({-1: 5})) == Decimal("0.000000000005")
    assert Decimal(pack({1: 1, -1: 2})) == Decimal("1000000000000.000000000002")
    assert DIGITS == 12


@given(COUNTS)
def test_what_was_packed_can_be_read_back(counts: dict[int, int]) -> None:
    assert unpack(pack(counts)) == counts


@given(COUNTS, COUNTS)
def test_adding_two_packed_histograms_adds_bucket_by_bucket(first: dict[int, int], second: dict[int, int]) -> None:
    total = EXACT.add(Decimal(pack(first)), Decimal(pack(second)))
    both = {index: first.get(index, 0) + second.get(index, 0) for index in first.keys() | second.keys()}
    assert unpack(str(total)) == both
    assert total == Decimal(pack(both))


def test_a_bucket_has_room_for_a_day_at_full_speed() -> None:
    """999,999,999,999 before it runs over into the next one; at 30,000 events a second a day has 2.6e9."""
    full = pack({0: 10**12 - 1})
    assert unpack(full) == {0: 10**12 - 1}


def percentile(counts: dict[int, int], rank: int) -> Decimal:
    for index in sorted(counts):
        rank -= counts[index]
        if rank <= 0:
            return middle(index)
    pytest.fail("fewer values than the rank")


@given(st.lists(st.lists(magnitudes(), max_size=30), min_size=1, max_size=4).filter(any))
def test_percentiles_of_any_union_of_windows_are_within_five_percent(windows: list[list[Decimal]]) -> None:
    """Each window is packed by itself and the numbers are added, as `sum(buckets)` does."""
    total = Decimal(0)
    for values in windows:
        found: dict[int, int] = {}
        for index in bucket_index(pa.array(values, AMOUNT)).to_pylist():
            found[index] = found.get(index, 0) + 1
        total = EXACT.add(total, Decimal(pack(found)))
    ordered = sorted(value for values in windows for value in values)
    for share in (50, 95, 99):
        rank = ceil(share * len(ordered) / 100)
        exact = ordered[rank - 1]
        assert abs(percentile(unpack(str(total)), rank) - exact) / exact < Decimal("0.05")
