"""What each setting may be by itself, and why. Pure. What settings mean for each other is in together.py."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from payments_infra.settings import Settings, SettingsError, key_of
from payments_infra.sizes import POSTGRES_STORAGE_GB, WORKERS_OF_MEMORY, is_postgres_sku
from payments_infra.together import TOGETHER

_GUID: Final = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@dataclass(frozen=True)
class Limit:
    low: int
    high: int
    reason: str


LIMITS: Final = {
    "monthly_budget": Limit(1, 1_000_000, "a budget of nothing fires at once"),
    "event_hub_units": Limit(1, 40, "Event Hubs Standard has 1 to 40 throughput units"),
    "event_hub_max_units": Limit(1, 40, "Event Hubs Standard has 1 to 40 throughput units"),
    "partitions": Limit(1, 32, "Event Hubs Standard has at most 32 partitions"),
    "event_retention_hours": Limit(1, 168, "Event Hubs Standard keeps events 7 days at most"),
    "archive_cool_after_days": Limit(1, 36_500, "files are written to the hot tier"),
    "archive_archive_after_days": Limit(1, 36_500, "files are written to the hot tier"),
    "archive_retention_days": Limit(1, 36_500, "the archive keeps what it is given"),
    "archive_immutability_days": Limit(0, 36_500, "0 is none; Azure's policies last at least a day"),
    "soft_delete_days": Limit(1, 365, "Blob Storage keeps deleted blobs 1 to 365 days"),
    "postgres_backup_days": Limit(7, 35, "PostgreSQL Flexible Server keeps backups 7 to 35 days"),
    "maintenance_day": Limit(0, 6, "0 is Sunday, 6 is Saturday"),
    "maintenance_hour": Limit(0, 23, "hours of a day, UTC"),
    "always_ready": Limit(0, 32, "more instances than partitions never have work"),
    "max_instances": Limit(40, 1000, "Flex Consumption takes 40 to 1,000 instances as its upper limit"),
    "postgres_pool_size": Limit(1, 50, "the Function accepts 1 to 50 (POSTGRES_POOL_SIZE)"),
    "partitions_ahead_days": Limit(2, 60, "one missed timer must stop nothing; the Function accepts 60 at most"),
    "dedup_window_days": Limit(8, 60, "the Function accepts 8 and more; a day at 10,000/s is 864 million rows"),
    "metrics_retention_days": Limit(8, 3650, "the Function and the database accept 8 days and more"),
    "failed_items_retention_days": Limit(8, 36_500, "the Function accepts 8 to 36,500; the hub redelivers for 7 days"),
    "compaction_grace_hours": Limit(1, 720, "the Function accepts 1 to 720; a reader may take an hour"),
    "retry_budget_seconds": Limit(1, 100, "the Function accepts 1 to 100; it is stopped after 300 seconds"),
    "keys_per_delivery": Limit(100, 1_000_000, "the Function accepts 100 to 1,000,000; each makes 16 rows"),
    "log_retention_days": Limit(30, 730, "a Log Analytics workspace keeps 30 to 730 days"),
    "log_daily_quota_gb": Limit(1, 10_000, "without a quota one loop of errors has no upper cost"),
    "lag_seconds": Limit(30, 86_400, "below 30 s a single retry would fire, above a day nobody would know"),
}

ARCHIVE_REDUNDANCIES: Final = ("Standard_LRS", "Standard_GRS", "Standard_RAGRS")
# Window lengths of metric alerts: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-types#metric-alerts
_WINDOW_MINUTES: Final = (5, 15, 30, 60, 360, 720, 1440)
CHOICES: Final = {
    "archive_redundancy": (ARCHIVE_REDUNDANCIES, "ZRS, GZRS and RA-GZRS have no archive tier"),
    "postgres_version": (("17",), "Entra login fails on 18, see https://github.com/Azure/azure-postgresql/issues/132"),
    "postgres_storage_gb": (POSTGRES_STORAGE_GB, "Premium SSD comes in these sizes"),
    "python_version": (("3.11", "3.12", "3.13"), "Azure accepts any text here, and the app then fails silently"),
    "instance_memory_mb": (tuple(WORKERS_OF_MEMORY), "Flex Consumption has instances of these sizes"),
    "silence_minutes": (_WINDOW_MINUTES, "metric alerts have windows of these lengths"),
}

SHAPES: Final = {
    "owner": (r"[A-Za-z0-9 ._@-]{1,64}", "1 to 64 letters, digits, blanks or . _ @ -"),
    "budget_start": (r"20\d\d-(0[1-9]|1[0-2])-01", "the first day of a month, such as 2026-12-01"),
    "github_repository": (r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}", "owner/name, as on GitHub"),
    "postgres_admin_group_name": (r".{1,63}", "1 to 63 characters, for it becomes a role's name"),
    "postgres_admin_group_object_id": (_GUID, "an object id such as 00000000-0000-0000-0000-000000000000"),
    "postgres_reader_group_name": (r".{0,63}", "at most 63 characters, for it becomes a role's name"),
    "postgres_reader_group_object_id": (rf"({_GUID})?", "an object id, or nothing"),
    "aggregate_windows": (r"\d{1,6}[smhd](,\d{1,6}[smhd])*", "lengths such as 1m,5m,1h,1d"),
    "image": (r"\S+(@sha256:[0-9a-f]{64}|:[\w.-]+)", "an image with its digest (or tag)"),
}


def check(settings: Settings) -> Settings:
    """The settings, if all is well. Raises SettingsError with everything that is not."""
    problems = list(_each(settings)) or [problem for rule in TOGETHER for problem in rule(settings)]
    if problems:
        lines = [f"  {key_of(name)} = {getattr(settings, name)!r}: {reason}" for name, reason in problems]
        raise SettingsError("\n".join([f"The configuration of {settings.stack} cannot be used:", *lines]))
    return settings


def _each(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from _by_table(settings)
    if not is_postgres_sku(settings.postgres_sku):
        yield "postgres_sku", "must be a size such as Standard_B2s, Standard_D4ds_v5 or Standard_E8ads_v5"
    if not _is_private_23(settings.address_space):
        yield "address_space", "must be a private /23 such as 10.60.0.0/23: the subnets are cut from it"
    if not all(_is_public_address(address) for address in settings.allowed_ip_addresses):
        yield "allowed_ip_addresses", "must be single public IPv4 addresses: ranges let in whom nobody named"
    if not all(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address) for address in settings.alert_emails):
        yield "alert_emails", "must be e-mail addresses"


def _by_table(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, limit in LIMITS.items():
        if not limit.low <= getattr(settings, name) <= limit.high:
            yield name, f"must be {limit.low} to {limit.high}: {limit.reason}"
    for name, (choices, reason) in CHOICES.items():
        if getattr(settings, name) not in choices:
            yield name, f"must be one of {', '.join(map(str, choices))}: {reason}"
    for name, (pattern, wanted) in SHAPES.items():
        if not re.fullmatch(pattern, getattr(settings, name)):
            yield name, f"must be {wanted}"


def _is_private_23(text: str) -> bool:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        return False
    return network.prefixlen == 23 and network.is_private  # noqa: PLR2004 - components/network.py cuts it up


def _is_public_address(text: str) -> bool:
    try:
        return ipaddress.IPv4Address(text).is_global
    except ValueError:
        return False
