"""The bill of the archive: each term by hand, and what it must not do."""

from decimal import Decimal
from importlib.resources import files

import pytest

from payments_core.archive_cost import (
    BATCH_BYTES,
    COMPACTED_BYTES,
    Cost,
    Load,
    Prices,
    PricesError,
    cost_by_year,
)
from payments_core.tiers import Tiers

TEXT = (files("payments_core") / "blob_prices.toml").read_text(encoding="utf-8")
PRICES = Prices.parse(TEXT)
TIERS = Tiers(30, 90, 2557)
YEAR = 365
MONTH = Decimal(YEAR) / 12


def load(*, compacted: bool = False, tps: int = 100, soft_delete_days: int = 0) -> Load:
    return Load(tps, 1_000, soft_delete_days, compacted)


def test_the_prices_say_where_and_when_they_were_read() -> None:
    assert PRICES.source.startswith("https://learn.microsoft.com/")
    assert PRICES.hot.storage > PRICES.cool.storage > PRICES.archive.storage > 0


def test_the_first_year_as_written_is_its_operations_and_what_lies_in_each_tier() -> None:
    (cost,) = cost_by_year(load(), TIERS, PRICES, 1)
    files_a_day = 8640
    assert cost.writing == YEAR * files_a_day * PRICES.hot.write / 10_000
    moves = (YEAR - 30) * PRICES.cool.write + (YEAR - 90) * PRICES.archive.write
    assert cost.moving == files_a_day * moves / 10_000
    assert cost.compacting == 0
    gigabytes = Decimal(8_640_000 * BATCH_BYTES) / 10**9
    in_hot = sum(min(day, 30) for day in range(1, YEAR + 1))
    in_cool = sum(min(max(0, day - 30), 60) for day in range(1, YEAR + 1))
    in_archive = sum(max(0, day - 90) for day in range(1, YEAR + 1))
    stored = in_hot * PRICES.hot.storage + in_cool * PRICES.cool.storage + in_archive * PRICES.archive.storage
    assert abs(cost.storing - stored * gigabytes / MONTH) < Decimal("1e-9")


def test_from_the_end_of_retention_on_each_year_costs_the_same() -> None:
    years = cost_by_year(load(), Tiers(30, 90, 730), PRICES, 4)
    assert years[0].total < years[1].total < years[2].total == years[3].total


def test_compacted_files_are_few_and_pay_for_one_more_reading_and_writing() -> None:
    assert load(compacted=True).files_a_day == 24
    assert load(compacted=True, tps=10_000).files_a_day == -(-864_000_000 * COMPACTED_BYTES // 128_000_000)
    (cost,) = cost_by_year(load(compacted=True), TIERS, PRICES, 1)
    blocks = -(-8_640_000 * COMPACTED_BYTES // (4 * 1024 * 1024)) + 24
    assert cost.compacting == YEAR * (8640 * PRICES.hot.read + blocks * PRICES.hot.write) / 10_000
    assert cost.moving == 24 * ((YEAR - 30) * PRICES.cool.write + (YEAR - 90) * PRICES.archive.write) / 10_000


def test_an_hour_is_never_cut_into_more_files_than_were_written() -> None:
    assert Load(1, 100_000, 0, compacted=True).files_a_day == 1


def test_originals_are_billed_until_they_are_deleted_for_good() -> None:
    costs = [cost_by_year(load(compacted=True, soft_delete_days=days), TIERS, PRICES, 2)[1] for days in (0, 30)]
    gigabytes = Decimal(8_640_000 * BATCH_BYTES) / 10**9
    due = YEAR * 30 * gigabytes * PRICES.hot.storage / MONTH
    assert abs(costs[1].compacting - costs[0].compacting - due) < Decimal("1e-9")
    assert costs[1].storing == costs[0].storing


@pytest.mark.parametrize(
    ("tiers", "cool", "archive"),
    [
        (Tiers(30, 90, 2557), 0, 0),
        (Tiers(30, 60, 240), 0, 0),
        (Tiers(30, 40, 240), 20, 0),
        (Tiers(30, 90, 150), 0, 120),
        (Tiers(30, 90, 45), 15, 0),
        (Tiers(30, 90, 20), 0, 0),
    ],
)
def test_a_tier_that_is_left_too_soon_is_paid_to_its_minimum(tiers: Tiers, cool: int, archive: int) -> None:
    assert (tiers.cool_days_unused, tiers.archive_days_unused) == (cool, archive)


def test_days_paid_for_nothing_are_on_the_bill() -> None:
    early, late = (cost_by_year(load(), Tiers(30, 90, delete), PRICES, 2)[1] for delete in (150, 269))
    gigabytes = Decimal(8_640_000 * BATCH_BYTES) / 10**9
    unused = YEAR * 120 * gigabytes * PRICES.archive.storage / MONTH
    last = YEAR * 1 * gigabytes * PRICES.archive.storage / MONTH
    assert abs((early.moving - late.moving) - (unused - last)) < Decimal("1e-9")


def test_a_total_is_its_parts() -> None:
    one = Cost(Decimal(1), Decimal(2), Decimal(3), Decimal(4))
    assert (one + one).total == 20


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[hot]", "[hot", "not valid TOML"),
        ("[cool]", "[cold]", r"\[cool\] must have storage"),
        ('"5.50"', "5.50", r"\[archive\] must have read"),
        ('"5.50"', '"-1"', r"\[archive\] must have read"),
        ('"5.50"', '"NaN"', r"\[archive\] must have read"),
        ('"5.50"', '"a lot"', r"\[archive\] must have read"),
        ("read_on", "read", "must say where the prices are from"),
    ],
)
def test_what_is_no_table_of_prices_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(PricesError, match=message):
        Prices.parse(TEXT.replace(old, new, 1))
