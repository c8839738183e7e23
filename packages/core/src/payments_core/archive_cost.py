"""What the archive costs over the years, with and without compaction. An estimate: list prices, an even load.

Small files cost by their number, at the write and at every change of tier; compaction pays for reading and writing
them once more, and for the originals until Azure has deleted them for good.
"""

import tomllib
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Self

from payments_core.tiers import Tiers

BATCH_BYTES: Final = 147
"""Of an event in the file of a batch, measured (docs/archive.md)."""
COMPACTED_BYTES: Final = 131
"""Of an event in a compacted file, measured: events of a transaction lie side by side."""
COMPACTED_FILE_BYTES: Final = 128_000_000
_HOURS: Final = 24
_BLOCK_BYTES: Final = 4 * 1024 * 1024
_DAY_SECONDS: Final = 86_400
_YEAR_DAYS: Final = 365
_MONTH_DAYS: Final = Decimal(_YEAR_DAYS) / 12
_GB: Final = 10**9
_TEN_THOUSAND: Final = 10_000


class PricesError(ValueError):
    """No table of prices: the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class TierPrices:
    """Dollars: `storage` for a GB and month, `write` and `read` for 10,000 operations, `retrieval` for a GB."""

    storage: Decimal
    write: Decimal
    read: Decimal
    retrieval: Decimal


@dataclass(frozen=True, slots=True)
class Prices:
    """Where they are from, and when they were read."""

    source: str
    read_on: date
    hot: TierPrices
    cool: TierPrices
    archive: TierPrices

    @classmethod
    def parse(cls, toml: str) -> Self:
        """Of a file such as blob_prices.toml. Raises PricesError."""
        try:
            values = tomllib.loads(toml)
        except tomllib.TOMLDecodeError as error:
            raise PricesError(f"not valid TOML: {error}") from None
        source, read_on = values.get("source"), values.get("read_on")
        if not isinstance(source, str) or not isinstance(read_on, date):
            raise PricesError('source = "..." and read_on = 2026-11-26 must say where the prices are from')
        return cls(source, read_on, *(_tier(values, name) for name in ("hot", "cool", "archive")))


def _tier(values: dict[str, Any], name: str) -> TierPrices:
    table = values.get(name)
    prices = []
    for field in fields(TierPrices):
        text = table.get(field.name) if isinstance(table, dict) else None
        try:
            price = Decimal(text) if isinstance(text, str) else Decimal(-1)
        except InvalidOperation:
            price = Decimal(-1)
        if not price.is_finite() or price < 0:
            raise PricesError(f'[{name}] must have {field.name} = "0.01", a price as a text')
        prices.append(price)
    return TierPrices(*prices)


@dataclass(frozen=True, slots=True)
class Load:
    """`events_a_file`: of a batch. `soft_delete_days`: for which Azure keeps, and bills, what was deleted."""

    events_a_second: int
    events_a_file: int
    soft_delete_days: int
    compacted: bool

    @property
    def events_a_day(self) -> int:
        return self.events_a_second * _DAY_SECONDS

    @property
    def batch_files_a_day(self) -> int:
        return -(-self.events_a_day // self.events_a_file)

    @property
    def files_a_day(self) -> int:
        """Those that stay. A compacted file is of one hour."""
        if not self.compacted:
            return self.batch_files_a_day
        return min(self.batch_files_a_day, max(_HOURS, -(-self.bytes_a_day // COMPACTED_FILE_BYTES)))

    @property
    def bytes_a_day(self) -> int:
        return self.events_a_day * (COMPACTED_BYTES if self.compacted else BATCH_BYTES)


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars, by what they are paid for."""

    writing: Decimal = Decimal(0)
    compacting: Decimal = Decimal(0)
    moving: Decimal = Decimal(0)
    """Operations of tier changes, and days of a tier's minimum that nothing was stored for."""
    storing: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        return self.writing + self.compacting + self.moving + self.storing

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Cost)))


def cost_by_year(load: Load, tiers: Tiers, prices: Prices, years: int) -> list[Cost]:
    """The first so many years of an archive that begins empty."""
    days = [_cost_of_day(load, tiers, prices, number) for number in range(years * _YEAR_DAYS)]
    return [sum(days[first : first + _YEAR_DAYS], Cost()) for first in range(0, len(days), _YEAR_DAYS)]


def _cost_of_day(load: Load, tiers: Tiers, prices: Prices, number: int) -> Cost:
    """Of day `number`: what is written that day, what moves, and what lies in each tier."""
    size = Decimal(load.bytes_a_day) / _GB
    cool_from, archive_from = min(tiers.cool, tiers.archive, tiers.delete), min(tiers.archive, tiers.delete)
    age = number + 1  # days that have files
    in_hot = min(age, cool_from)
    in_cool = min(max(0, age - cool_from), tiers.cool_days)
    in_archive = min(max(0, age - archive_from), tiers.archive_days)
    stored = in_hot * prices.hot.storage + in_cool * prices.cool.storage + in_archive * prices.archive.storage
    moving = Decimal(0)
    if tiers.cool_days and number >= cool_from:
        moving += _operations(load.files_a_day, prices.cool.write)
    if tiers.archive_days and number >= archive_from:
        moving += _operations(load.files_a_day, prices.archive.write)
        moving += size * tiers.cool_days_unused * prices.cool.storage / _MONTH_DAYS
    if number >= tiers.delete:
        moving += size * tiers.archive_days_unused * prices.archive.storage / _MONTH_DAYS
    return Cost(
        writing=_operations(load.batch_files_a_day, prices.hot.write),
        compacting=_compacting(load, prices, number) if load.compacted else Decimal(0),
        moving=moving,
        storing=stored * size / _MONTH_DAYS,
    )


def _compacting(load: Load, prices: Prices, number: int) -> Decimal:
    """Reading the originals, writing the new files block by block, and the originals that lie there deleted."""
    blocks = -(-load.bytes_a_day // _BLOCK_BYTES) + load.files_a_day
    originals = Decimal(load.events_a_day * BATCH_BYTES) / _GB * min(number + 1, load.soft_delete_days)
    return (
        _operations(load.batch_files_a_day, prices.hot.read)
        + _operations(blocks, prices.hot.write)
        + originals * prices.hot.storage / _MONTH_DAYS
    )


def _operations(count: int, price: Decimal) -> Decimal:
    return count * price / _TEN_THOUSAND
