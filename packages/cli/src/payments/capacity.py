"""What a rate of transactions needs in Azure: pure arithmetic over measured costs, limits and list prices.

docs/scaling.md says where each figure comes from and when it was read, and what could not be found; it holds the same
plans, and a test keeps the two together. Prices are of East US, in US dollars.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from math import ceil
from typing import Final

from payments_core.archive_cost import Prices

HOURS: Final = 730
_SECONDS: Final = HOURS * 3600
_DAY: Final = 86_400
_GB: Final = 1e9
_GIB: Final = 2**30


@dataclass(frozen=True, slots=True)
class Costs:
    """An event's costs, as `make bench` measures them (docs/performance.md): microseconds of CPU, and bytes.

    A batch takes `batch_seconds`, and `batch_event_us` for each of its events.
    """

    body_bytes: int = 529
    pipeline_us: float = 33.3
    postgres_us: float = 17.0
    metrics_bytes: int = 628
    index_bytes: int = 110
    wal_bytes: int = 1_500
    archive_bytes: int = 154
    batch: int = 1000
    batch_seconds: float = 0.02
    batch_event_us: float = 70.0

    def events_a_batch(self, rate: float) -> float:
        """What has arrived for a worker while it was busy with the batch before, `batch` at most."""
        free = 1 - rate * self.batch_event_us / 1e6
        waiting = rate * self.batch_seconds / free if free > 0 else self.batch
        return min(self.batch, max(1.0, waiting))


@dataclass(frozen=True, slots=True)
class Tier:
    """A way to buy a service: so many units at a time, `each` events a second; `partitions` of a hub at most."""

    name: str
    each: float
    units: Sequence[int]
    partitions: int
    a_partition: float
    monthly: float
    a_million: float


COSTS: Final = Costs()
IN_USE: Final = 0.5
"""How much of a processor is planned to be in use: the rest is for peaks, restarts and whoever catches up."""

_MB: Final = 1e6 / COSTS.body_bytes  # events of a megabyte
# MicrosoftDocs/azure-docs, articles/event-hubs: includes/event-hubs-tier-limits.md (2023-11-27); 5 to 10 MB a second of
# a processing unit, event-hubs-scalability.md (2026-02-05); 100 MB of a capacity unit, Microsoft's own benchmark with
# events of 1 KB, includes/event-hubs-dedicated-clusters-faq.md (2021-09-28); 1 MB of a partition is what it recommends,
# includes/event-hubs-partition-count.md (2022-04-11). Prices: what infracost's event_hubs_namespace_test was answered
# by Azure's price list (eastus).
HUBS: Final = (
    Tier("Standard", 1000.0, range(1, 41), 32, 1000.0, 0.03 * HOURS, 0.028),
    Tier("Premium", 5 * _MB, (1, 2, 4, 6, 8, 10, 12, 16), 100, _MB, 1.027 * HOURS, 0.0),
    Tier("Dedicated", 100 * _MB, range(1, 21), 1024, _MB, 6.849 * HOURS, 0.0),
)
# Ddsv5: MicrosoftDocs/azure-databases-docs, articles/postgresql/compute-storage/concepts-compute.md (2026-01-13); from
# 16 vCores on the largest Premium SSD is the limit, concepts-storage-premium-ssd.md (2025-01-16).
_PREMIUM_SSD: Final = 20_000
DISK_WRITES: Final = {2: 3750, 4: 6400, 8: 12_800} | dict.fromkeys((16, 32, 48, 64, 96), _PREMIUM_SSD)
"""vCores of a PostgreSQL server -> operations a second that it can ask of its disk."""
DISK_GIB: Final = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768)
"""Sizes of a Premium SSD. It is billed whole, and grows by doubling (the same page)."""
DISK_FULL: Final = 0.95
"""Above this a server turns read-only (the same page)."""
HOT_BATCHES: Final = 100
"""Batches a second that one server commits where all of them add to the same rows of the current windows."""
# Not found for East US where it could be read: as the authors know them. West US, infracost's
# postgresql_flexible_server_test: 0.0975 and 0.138.
CORE_HOUR: Final = 0.089
DISK_GIB_MONTH: Final = 0.115
GB_SECOND: Final = 0.000026  # https://modal.com/blog/azure-function-pricing-guide (East US, 2025-05-22)
EXECUTIONS_MILLION: Final = 0.40  # not found where it could be read
ARCHIVE: Final = Prices.parse((files("payments_core") / "blob_prices.toml").read_text(encoding="utf-8")).hot
_INSTANCE_GB: Final = 2
# Of 2 GB in a region, until Azure raises the quota; an app may have 1,000. MicrosoftDocs/azure-docs,
# articles/azure-functions/flex-consumption-plan.md
_MOST_INSTANCES: Final = 250
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
    instances = _instances(rate, partitions, limits)
    batch = COSTS.events_a_batch(rate / min(instances, partitions))
    items = [
        hub,
        _function(rate, instances, batch),
        *_postgres(rate, metrics_days, batch, limits),
        _archive(rate, batch),
    ]
    return CapacityPlan(rate, metrics_days, items, limits)


def _event_hub(rate: int, limits: list[str]) -> tuple[Item, int]:
    wanted = rate * _HEADROOM
    for tier in HUBS:
        units = next((units for units in tier.units if units * tier.each >= wanted), ceil(wanted / tier.each))
        partitions = max(4, ceil(wanted / tier.a_partition))
        if units <= tier.units[-1] and partitions <= tier.partitions:
            break
        limits.append(_hub_ends(tier))
    millions = rate * _SECONDS / 1e6
    what = f"{tier.name}, {units} {'throughput units' if tier is HUBS[0] else 'units'}, {partitions} partitions"
    return Item("Event Hubs", what, units * tier.monthly + millions * tier.a_million), partitions


def _hub_ends(tier: Tier) -> str:
    most = min(tier.units[-1] * tier.each, tier.partitions * tier.a_partition) / _HEADROOM
    following = {each.name: after.name for each, after in pairwise(HUBS)}
    takes_over = f"{following[tier.name]} takes over" if tier.name in following else "split the senders over several"
    return f"Event Hubs {tier.name} ends at {most:,.0f} a second for one hub: {takes_over}"


def _instances(rate: int, partitions: int, limits: list[str]) -> int:
    """Of one core and one worker, which takes one batch at a time: no more of them work than there are partitions."""
    instances = max(2, ceil(rate / (1e6 / COSTS.pipeline_us * IN_USE)))
    if instances > partitions:
        limits.append(f"{instances} instances would work on {partitions} partitions: use more partitions")
    if instances > _MOST_INSTANCES:
        limits.append(f"a region gives {_MOST_INSTANCES} instances of {_INSTANCE_GB} GB: ask Azure for a larger quota")
    return instances


def _function(rate: int, instances: int, batch: float) -> Item:
    executions = rate / batch * _SECONDS / 1e6
    monthly = instances * _INSTANCE_GB * _SECONDS * GB_SECOND + executions * EXECUTIONS_MILLION
    what = f"Flex Consumption, {instances} instances of {_INSTANCE_GB} GB, batches of {batch:,.0f}"
    return Item("Function", what, monthly)


def _postgres(rate: int, metrics_days: int, batch: float, limits: list[str]) -> list[Item]:
    needed = rate * COSTS.postgres_us / 1e6 / IN_USE
    disk = rate * _DAY * (COSTS.metrics_bytes * metrics_days + COSTS.index_bytes * _INDEX_DAYS)
    wal = rate * COSTS.wal_bytes
    writes = (rate * (COSTS.metrics_bytes + COSTS.index_bytes) + wal) / _DISK_BLOCK
    most_writes = max(DISK_WRITES.values()) * IN_USE
    nodes = max(
        ceil(needed / max(DISK_WRITES)),
        ceil(writes / most_writes),
        ceil(disk / _GIB / DISK_FULL / max(DISK_GIB)),
        ceil(rate / batch / HOT_BATCHES),
    )
    written = ceil(writes / nodes)
    cores = next(size for size, most in DISK_WRITES.items() if size * nodes >= needed and most * IN_USE >= written)
    size = next(gib for gib in DISK_GIB if gib * DISK_FULL >= disk / _GIB / nodes)
    if nodes > 1:
        reasons = [
            f"{disk / 1e12:,.0f} TB on its disk" if disk / _GIB > max(DISK_GIB) * DISK_FULL else "",
            f"{writes:,.0f} disk writes a second" if writes > most_writes else "",
            f"{rate / batch:,.0f} batches a second on the same rows" if rate / batch > HOT_BATCHES else "",
        ]
        limits.append(
            f"one PostgreSQL server ends ({', '.join(filter(None, reasons))}): "
            f"an elastic cluster of {nodes} nodes takes over"
        )
    kind, each = ("one server", "") if nodes == 1 else (f"elastic cluster of {nodes} nodes", " a node")
    held = f"{size:,} GiB{each} for {disk / 1e12:,.1f} TB: {metrics_days} days of metrics, {_INDEX_DAYS} of ids"
    return [
        Item(
            "PostgreSQL",
            f"{kind}, {cores} vCores and {written:,} disk writes a second{each}",
            nodes * cores * CORE_HOUR * HOURS,
        ),
        Item(
            "PostgreSQL disk",
            f"{held}; WAL {wal / 1e6:,.1f} MB a second",
            nodes * size * DISK_GIB_MONTH,
        ),
    ]


def _archive(rate: int, batch: float) -> Item:
    growth = rate * _SECONDS * COSTS.archive_bytes / _GB
    writes = rate / batch * _SECONDS
    monthly = growth * float(ARCHIVE.storage) + writes / 10_000 * float(ARCHIVE.write)
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
