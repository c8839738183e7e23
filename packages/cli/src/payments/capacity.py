"""What a rate of transactions needs in Azure: pure arithmetic over measured costs, limits and list prices.

docs/scaling.md says where each figure comes from, and holds the same plans; a test keeps the two together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Final

HOURS: Final = 730
_SECONDS: Final = HOURS * 3600
_DAY: Final = 86_400
_GB: Final = 1e9


@dataclass(frozen=True, slots=True)
class Costs:
    """An event's costs, as `make bench` measures them (docs/performance.md): microseconds of CPU, and bytes."""

    body_bytes: int = 529
    pipeline_us: float = 43.0
    postgres_us: float = 18.0
    metrics_bytes: int = 628
    index_bytes: int = 110
    wal_bytes: int = 1_500
    archive_bytes: int = 160
    batch: int = 1000


@dataclass(frozen=True, slots=True)
class Tier:
    """A way to buy a service: `each` events a second and `partitions` a unit or hub, up to `most` units."""

    name: str
    each: float
    most: int
    partitions: int
    a_partition: float
    monthly: float
    a_million: float


COSTS: Final = Costs()
IN_USE: Final = 0.5
"""How much of a processor is planned to be in use: the rest is for peaks, restarts and whoever catches up."""

_MB: Final = 1e6 / COSTS.body_bytes  # events of a megabyte
HUBS: Final = (
    Tier("Standard", 1000.0, 40, 32, 1000.0, 0.03 * HOURS, 0.028),
    Tier("Premium", 5 * _MB, 16, 100, 2 * _MB, 1.233 * HOURS, 0.0),
    Tier("Dedicated", 100 * _MB, 10, 1024, 2 * _MB, 6.849 * HOURS, 0.0),
)
DISK_WRITES: Final = {2: 3750, 4: 6400, 8: 12_800, 16: 25_600, 32: 51_200, 48: 76_800, 64: 80_000, 96: 80_000}
"""vCores of a PostgreSQL server -> operations a second that it can ask of its disk."""
MOST_DISK_TB: Final = 32
HOT_BATCHES: Final = 100
"""Batches a second that one server commits where all of them add to the same rows of the current windows."""
_CORE_MONTHLY: Final = 0.089 * HOURS
_DISK_GB_MONTHLY: Final = 0.115
_GB_SECOND: Final = 0.000026
_EXECUTIONS_MILLION: Final = 0.40
_ARCHIVE_GB_MONTHLY: Final = 0.0184
_WRITES_10_000: Final = 0.065
_INSTANCE_GB: Final = 2
_MOST_INSTANCES: Final = 1000
_DISK_BLOCK: Final = 8192
_INDEX_DAYS: Final = 8
_HEADROOM: Final = 1.25


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a plan: what is bought, and what it costs in a month (US dollars)."""

    name: str
    what: str
    monthly: float


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """`limits` says what ends below the rate, and what takes over there."""

    rate: int
    metrics_days: int
    items: list[Item]
    limits: list[str]

    @property
    def monthly(self) -> float:
        return sum(item.monthly for item in self.items)


def plan(rate: int, metrics_days: int = 30) -> CapacityPlan:
    """For so many transactions a second around the clock, with `dynamic_metrics` kept for so many days."""
    limits: list[str] = []
    hub, partitions = _event_hub(rate, limits)
    postgres = _postgres(rate, metrics_days, limits)
    return CapacityPlan(
        rate, metrics_days, [hub, _function(rate, partitions, limits), *postgres, _archive(rate)], limits
    )


def _event_hub(rate: int, limits: list[str]) -> tuple[Item, int]:
    wanted = rate * _HEADROOM
    for tier in HUBS:
        units = ceil(wanted / tier.each)
        partitions = max(4, ceil(wanted / tier.a_partition))
        if units <= tier.most and partitions <= tier.partitions:
            break
        limits.append(_hub_ends(tier))
    millions = rate * _SECONDS / 1e6
    what = f"{tier.name}, {units} {'throughput units' if tier is HUBS[0] else 'units'}, {partitions} partitions"
    return Item("Event Hubs", what, units * tier.monthly + millions * tier.a_million), partitions


def _hub_ends(tier: Tier) -> str:
    most = min(tier.most * tier.each, tier.partitions * tier.a_partition) / _HEADROOM
    following = {each.name: after.name for each, after in pairwise(HUBS)}
    takes_over = f"{following[tier.name]} takes over" if tier.name in following else "split the senders over several"
    return f"Event Hubs {tier.name} ends at {most:,.0f} a second for one hub: {takes_over}"


def _function(rate: int, partitions: int, limits: list[str]) -> Item:
    """A worker process takes one batch at a time, so no more instances work than there are partitions."""
    an_instance = 1e6 / COSTS.pipeline_us * IN_USE
    instances = max(2, ceil(rate / an_instance))
    if instances > min(partitions, _MOST_INSTANCES):
        limits.append(f"{instances} instances would work on {partitions} partitions: use more partitions")
    executions = rate / COSTS.batch * _SECONDS / 1e6
    monthly = instances * _INSTANCE_GB * _SECONDS * _GB_SECOND + executions * _EXECUTIONS_MILLION
    what = f"Flex Consumption, {instances} instances of {_INSTANCE_GB} GB, batches of {COSTS.batch:,}"
    return Item("Function", what, monthly)


def _postgres(rate: int, metrics_days: int, limits: list[str]) -> list[Item]:
    needed = rate * COSTS.postgres_us / 1e6 / IN_USE
    disk = rate * _DAY * (COSTS.metrics_bytes * metrics_days + COSTS.index_bytes * _INDEX_DAYS)
    wal = rate * COSTS.wal_bytes
    nodes = max(
        ceil(needed / max(DISK_WRITES)),
        ceil(disk / (MOST_DISK_TB * 1e12)),
        ceil(rate / COSTS.batch / HOT_BATCHES),
    )
    written = ceil((rate * (COSTS.metrics_bytes + COSTS.index_bytes) + wal) / _DISK_BLOCK / nodes)
    cores = next(size for size, most in DISK_WRITES.items() if size * nodes >= needed and most * IN_USE >= written)
    if nodes > 1:
        reasons = [
            f"{disk / 1e12:,.0f} TB of disk" if disk > MOST_DISK_TB * 1e12 else "",
            f"{rate / COSTS.batch:,.0f} batches a second on the same rows" if rate / COSTS.batch > HOT_BATCHES else "",
        ]
        limits.append(
            f"one PostgreSQL server ends ({' and '.join(filter(None, reasons))}): "
            f"an elastic cluster of {nodes} nodes takes over, or fewer days of metrics"
        )
    kind, each = ("one server", "") if nodes == 1 else (f"elastic cluster of {nodes} nodes", ", each")
    return [
        Item(
            "PostgreSQL",
            f"{kind}, {cores} vCores, {written:,} disk writes a second{each}",
            nodes * cores * _CORE_MONTHLY,
        ),
        Item(
            "PostgreSQL disk",
            f"{disk / 1e12:,.1f} TB: {metrics_days} days of metrics, {_INDEX_DAYS} of ids; "
            f"WAL {wal / 1e6:,.1f} MB a second",
            disk / _GB * _DISK_GB_MONTHLY,
        ),
    ]


def _archive(rate: int) -> Item:
    growth = rate * _SECONDS * COSTS.archive_bytes / _GB
    writes = rate / COSTS.batch * _SECONDS
    monthly = growth * _ARCHIVE_GB_MONTHLY + writes / 10_000 * _WRITES_10_000
    return Item("Archive", f"grows {growth / 1000:,.2f} TB a month, {writes / 1e6:,.1f} million files", monthly)


def markdown(rates: Sequence[int]) -> str:
    """The plans as docs/scaling.md has them."""
    parts = []
    for each in map(plan, rates):
        rows = [f"| {item.name} | {item.what} | {item.monthly:,.0f} |" for item in each.items]
        notes = [f"- {limit}" for limit in each.limits]
        parts.append(
            "\n".join(
                [
                    f"### {each.rate:,} transactions a second",
                    "",
                    "| item | what | US$ a month |",
                    "|---|---|---:|",
                    *rows,
                    f"| **all** | | **{each.monthly:,.0f}** |",
                    *(["", *notes] if notes else []),
                ]
            )
        )
    return "\n\n".join(parts)
