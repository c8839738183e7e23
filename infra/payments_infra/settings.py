"""The stack's configuration as one typed value. `parse` checks presence and types; bounds.py checks the values.

An error names the key, its value, the bound and the reason; all that is wrong is said at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from payments_infra.sizes import WORKERS_OF_MEMORY, postgres_tier, postgres_user_connections


class SettingsError(Exception):
    """The configuration does not describe an environment that Azure accepts and that works."""


@dataclass(frozen=True)
class Settings:
    """One stack. The keys in Pulumi.yaml are these names in camel case, with descriptions and defaults."""

    stack: str
    owner: str
    alert_emails: tuple[str, ...]
    monthly_budget: int
    budget_start: str
    github_repository: str
    protect_data: bool
    zone_redundant: bool
    public_access: bool
    allowed_ip_addresses: tuple[str, ...]
    address_space: str
    event_hub_units: int
    event_hub_max_units: int
    partitions: int
    event_retention_hours: int
    archive_redundancy: str
    archive_cool_after_days: int
    archive_archive_after_days: int
    archive_retention_days: int
    archive_versioning: bool
    archive_immutability_days: int
    soft_delete_days: int
    postgres_version: str
    postgres_sku: str
    postgres_storage_gb: int
    postgres_backup_days: int
    postgres_geo_backup: bool
    postgres_admin_group_name: str
    postgres_admin_group_object_id: str
    postgres_reader_group_name: str
    postgres_reader_group_object_id: str
    maintenance_day: int
    maintenance_hour: int
    python_version: str
    instance_memory_mb: int
    always_ready: int
    max_instances: int
    postgres_pool_size: int
    aggregate_windows: str
    partitions_ahead_days: int
    dedup_window_days: int
    metrics_retention_days: int
    failed_items_retention_days: int
    compaction_grace_hours: int
    retry_budget_seconds: int
    keys_per_delivery: int
    image: str
    log_retention_days: int
    log_daily_quota_gb: int
    silence_minutes: int
    lag_seconds: int

    @property
    def worker_processes(self) -> int:
        """Of one Function instance: as many as it has cores (docs/settings.md)."""
        return WORKERS_OF_MEMORY[self.instance_memory_mb]

    @property
    def pgbouncer(self) -> bool:
        """Azure has the built-in pooler in every tier but Burstable."""
        return postgres_tier(self.postgres_sku) != "Burstable"

    @property
    def most_connections(self) -> int:
        """PostgreSQL connections at full load: one batch for each partition, and each timer function on an instance."""
        instances = min(self.max_instances, self.partitions + TIMER_FUNCTIONS)
        return instances * self.worker_processes * self.postgres_pool_size

    @property
    def postgres_user_connections(self) -> int:
        return postgres_user_connections(self.postgres_sku)


# Flex Consumption scales each function by itself, on instances of its own.
TIMER_FUNCTIONS: Final = 4


def key_of(field_name: str) -> str:
    """alert_emails -> alertEmails"""
    first, *rest = field_name.split("_")
    return first + "".join(word.capitalize() for word in rest)


KEYS: Final = {key_of(field.name): field.name for field in fields(Settings) if field.name != "stack"}
TYPES: Final[Mapping[str, Any]] = {field.name: field.type for field in fields(Settings)}
_DESCRIBED: Final[Mapping[Any, str]] = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    tuple[str, ...]: "a list of texts",
}


def parse(stack: str, values: Mapping[str, Any]) -> Settings:
    """`values` by key as Pulumi.yaml types them (str, int, bool, list of str). Raises SettingsError."""
    problems = [f"{key} is not a setting; Pulumi.yaml lists them" for key in sorted(values.keys() - KEYS.keys())]
    problems += [
        f"{key} is not set: pulumi config set {key} ... --stack {stack}" for key in KEYS if values.get(key) is None
    ]
    typed: dict[str, Any] = {}
    for key, name in KEYS.items():
        value = values.get(key)
        if value is None:
            continue
        if not _has_type(value, TYPES[name]):
            problems.append(f"{key} = {value!r}: must be {_DESCRIBED[TYPES[name]]}")
        typed[name] = tuple(value) if isinstance(value, list) else value
    _raise(problems)
    return Settings(stack=stack, **typed)


def _has_type(value: Any, wanted: Any) -> bool:
    if wanted == tuple[str, ...]:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return type(value) is wanted  # exactly: True is no whole number


def _raise(problems: list[str]) -> None:
    if problems:
        raise SettingsError("\n".join(["The stack's configuration cannot be used:", *(f"  {p}" for p in problems)]))
