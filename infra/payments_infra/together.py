"""What settings mean for each other. Each rule yields the setting that should change, and why. Pure."""

from collections.abc import Callable, Iterator
from math import ceil
from typing import Final

from payments_core.tiers import ARCHIVE_DAYS, COOL_DAYS
from payments_infra.settings import Settings
from payments_infra.sizes import postgres_tier

Problem = tuple[str, str]


def event_hub(s: Settings) -> Iterator[Problem]:
    if s.event_hub_max_units < s.event_hub_units:
        yield "event_hub_max_units", f"must be at least eventHubUnits ({s.event_hub_units}): it is where growing ends"
    days = ceil(s.event_retention_hours / 24) + 1
    if s.dedup_window_days < days:
        yield (
            "dedup_window_days",
            (
                f"must be at least {days}, a day more than eventRetentionHours ({s.event_retention_hours}): an event "
                "that comes again after its id was forgotten counts twice"
            ),
        )


def archive(s: Settings) -> Iterator[Problem]:
    if s.archive_archive_after_days < s.archive_cool_after_days + COOL_DAYS:
        yield (
            "archive_archive_after_days",
            (
                f"must be {COOL_DAYS} or more above archiveCoolAfterDays ({s.archive_cool_after_days}): the cool tier "
                "bills that many days in any case"
            ),
        )
    if s.archive_retention_days < s.archive_archive_after_days + ARCHIVE_DAYS:
        yield (
            "archive_retention_days",
            (
                f"must be {ARCHIVE_DAYS} or more above archiveArchiveAfterDays ({s.archive_archive_after_days}): the "
                "archive tier bills that many days in any case"
            ),
        )
    if s.archive_immutability_days and not s.archive_versioning:
        yield (
            "archive_immutability_days",
            (
                "needs archiveVersioning = true: a batch that is delivered again overwrites its own file, which Azure "
                "allows only where that makes a new version"
            ),
        )
    if s.archive_immutability_days > s.archive_retention_days:
        yield (
            "archive_immutability_days",
            (
                f"must be at most archiveRetentionDays ({s.archive_retention_days}): the lifecycle policy cannot "
                "delete what is immutable"
            ),
        )


def postgres(s: Settings) -> Iterator[Problem]:
    if s.zone_redundant and postgres_tier(s.postgres_sku) == "Burstable":
        yield "postgres_sku", "must not be Burstable with zoneRedundant = true: that tier has no standby"
    if not s.pgbouncer and s.most_connections > s.postgres_user_connections:
        yield (
            "postgres_sku",
            (
                f"takes {s.postgres_user_connections} connections and has no PgBouncer; partitions ({s.partitions}), "
                f"instanceMemoryMb ({s.instance_memory_mb}) and postgresPoolSize ({s.postgres_pool_size}) ask for "
                f"up to {s.most_connections}"
            ),
        )
    if bool(s.postgres_reader_group_name) != bool(s.postgres_reader_group_object_id):
        yield "postgres_reader_group_object_id", "must be set together with postgresReaderGroupName, or neither"


def function(s: Settings) -> Iterator[Problem]:
    if s.zone_redundant and s.always_ready < 2:  # noqa: PLR2004 - one in each of two zones
        yield "always_ready", "must be 2 or more with zoneRedundant = true: one instance is in one zone"
    if s.always_ready > s.partitions:
        yield "always_ready", f"must be at most partitions ({s.partitions}): without a partition there is no work"


def access(s: Settings) -> Iterator[Problem]:
    if s.stack != "dev" and s.public_access:
        yield "public_access", f"only dev may; {s.stack} is reached through its private endpoints"
    if s.public_access and not s.allowed_ip_addresses:
        yield "allowed_ip_addresses", "must name the addresses that publicAccess lets in: it is never for everybody"
    if s.allowed_ip_addresses and not s.public_access:
        yield "allowed_ip_addresses", "must be empty, or publicAccess true: nobody is let in otherwise"


def protection(s: Settings) -> Iterator[Problem]:
    if s.stack != "dev" and not s.protect_data:
        yield "protect_data", f"only dev may; {s.stack} keeps what it holds"
    if not s.alert_emails:
        yield "alert_emails", "must name somebody: an alert that nobody reads is none"
    if s.stack != "prod":
        return
    if not s.zone_redundant:
        yield "zone_redundant", "must be true: prod outlives a zone"
    if not s.postgres_geo_backup:
        yield "postgres_geo_backup", "must be true: prod outlives a region"
    if s.archive_redundancy == "Standard_LRS":
        yield "archive_redundancy", "must be Standard_GRS or Standard_RAGRS: prod outlives a region"


TOGETHER: Final[tuple[Callable[[Settings], Iterator[Problem]], ...]] = (
    event_hub,
    archive,
    postgres,
    function,
    access,
    protection,
)
