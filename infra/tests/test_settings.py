"""The stack's configuration: declared once, typed, bounded, and clear about what is wrong."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from payments_infra import bounds
from payments_infra.bounds import check
from payments_infra.settings import KEYS, TYPES, Settings, SettingsError, key_of, parse

from .recording import ROOT, RecordingError, record
from .stacks import STACKS

PROJECT = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
DECLARED: Mapping[str, Mapping[str, Any]] = {key: spec for key, spec in PROJECT["config"].items() if ":" not in key}
_PULUMI_TYPES = {str: "string", int: "integer", bool: "boolean", tuple[str, ...]: "array"}


def values_of(stack: str) -> dict[str, Any]:
    file = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    defaults = {key: spec["default"] for key, spec in DECLARED.items() if "default" in spec}
    return defaults | {key.removeprefix("payments-ingest:"): value for key, value in file.items()}


def settings_of(stack: str, **changes: Any) -> Settings:
    return replace(parse(stack, values_of(stack)), **changes)


def complaint(settings: Settings) -> str:
    with pytest.raises(SettingsError) as caught:
        check(settings)
    return str(caught.value)


@pytest.mark.parametrize("stack", STACKS)
def test_the_committed_stacks_are_valid(stack: str) -> None:
    settings = settings_of(stack)
    assert check(settings) == settings


def test_every_setting_is_declared_in_pulumi_yaml_with_its_type_and_a_description() -> None:
    assert DECLARED.keys() == KEYS.keys()
    for key, name in KEYS.items():
        assert DECLARED[key]["type"] == _PULUMI_TYPES[TYPES[name]], key
        assert DECLARED[key]["description"], key


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_sets_no_key_that_is_not_declared_and_repeats_no_default(stack: str) -> None:
    file = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    for full, value in file.items():
        key = full.removeprefix("payments-ingest:")
        assert key in DECLARED
        assert DECLARED[key].get("default") != value, f"{key} is the default"


def test_every_text_and_number_has_a_bound() -> None:
    free = {key_of(name) for name in TYPES if TYPES[name] in {str, int} and name != "stack"}
    bounded = {key_of(name) for name in (*bounds.LIMITS, *bounds.CHOICES, *bounds.SHAPES)}
    assert free - bounded == {"postgresSku", "addressSpace"}, "these have a check of their own"


@pytest.mark.parametrize("name", bounds.LIMITS)
def test_a_number_outside_its_bounds_is_refused_with_key_value_bound_and_reason(name: str) -> None:
    limit = bounds.LIMITS[name]
    for value in (limit.low - 1, limit.high + 1):
        text = complaint(settings_of("prod", **{name: value}))
        assert f"{key_of(name)} = {value}: must be {limit.low} to {limit.high}: {limit.reason}" in text


@pytest.mark.parametrize("name", bounds.CHOICES)
def test_a_value_that_is_no_choice_is_refused_with_the_choices_and_the_reason(name: str) -> None:
    wrong: Any = "nonsense" if TYPES[name] is str else 7
    text = complaint(settings_of("prod", **{name: wrong}))
    assert f"{key_of(name)} = {wrong!r}: must be one of" in text
    assert bounds.CHOICES[name][1] in text


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("owner", "", "1 to 64"),
        ("budget_start", "2026-12-15", "the first day of a month"),
        ("github_repository", "https://github.com/o/r", "owner/name"),
        ("postgres_admin_group_name", "", "1 to 63"),
        ("postgres_admin_group_object_id", "me", "an object id"),
        ("postgres_reader_group_name", "x" * 64, "at most 63"),
        ("postgres_reader_group_object_id", "me", "an object id, or nothing"),
        ("aggregate_windows", "1m, 5m", "lengths such as"),
        ("image", "payments", "digest"),
        ("postgres_sku", "Standard_M32", "a size such as"),
        ("postgres_sku", "Standard_B3s", "a size such as"),
        ("address_space", "10.60.0.0/16", "a private /23"),
        ("address_space", "8.8.8.0/23", "a private /23"),
        ("address_space", "here", "a private /23"),
        ("allowed_ip_addresses", ("0.0.0.0/0",), "single public IPv4 addresses"),
        ("allowed_ip_addresses", ("10.0.0.1",), "single public IPv4 addresses"),
        ("alert_emails", ("somebody",), "e-mail addresses"),
    ],
)
def test_a_text_of_another_shape_is_refused(name: str, value: Any, wanted: str) -> None:
    text = complaint(settings_of("prod", **{name: value}))
    assert f"{key_of(name)} = {value!r}: must be " in text
    assert wanted in text


@pytest.mark.parametrize(
    ("stack", "changes", "says"),
    [
        ("prod", {"event_hub_max_units": 2}, "eventHubMaxUnits = 2: must be at least eventHubUnits (4)"),
        ("dev", {"event_retention_hours": 168, "dedup_window_days": 8}, None),
        ("prod", {"archive_archive_after_days": 59}, "must be 30 or more above archiveCoolAfterDays (30)"),
        ("prod", {"archive_retention_days": 269}, "must be 180 or more above archiveArchiveAfterDays (90)"),
        ("prod", {"archive_immutability_days": 30, "archive_versioning": False}, "needs archiveVersioning = true"),
        ("prod", {"archive_immutability_days": 3000}, "must be at most archiveRetentionDays (2557)"),
        ("prod", {"archive_immutability_days": 2557}, None),
        ("prod", {"postgres_sku": "Standard_B2s"}, "that tier has no standby"),
        ("dev", {"postgres_sku": "Standard_B1ms", "partitions": 16}, "takes 35 connections and has no PgBouncer"),
        ("prod", {"postgres_reader_group_name": ""}, "together with postgresReaderGroupName"),
        ("prod", {"always_ready": 1}, "2 or more with zoneRedundant"),
        ("dev", {"always_ready": 5}, "at most partitions (4)"),
        ("dev", {"public_access": True}, "must name the addresses"),
        ("dev", {"allowed_ip_addresses": ("8.8.8.8",)}, "or publicAccess true"),
        ("staging", {"public_access": True, "allowed_ip_addresses": ("8.8.8.8",)}, "only dev may; staging"),
        ("staging", {"protect_data": False}, "only dev may; staging"),
        ("dev", {"alert_emails": ()}, "must name somebody"),
        ("prod", {"zone_redundant": False}, "prod outlives a zone"),
        ("prod", {"postgres_geo_backup": False}, "prod outlives a region"),
        ("prod", {"archive_redundancy": "Standard_LRS"}, "prod outlives a region"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused_with_the_reason(
    stack: str, changes: dict[str, Any], says: str | None
) -> None:
    settings = settings_of(stack, **changes)
    if says is None:
        assert check(settings) == settings
    else:
        assert says in complaint(settings)


def test_ids_are_kept_for_a_day_longer_than_the_hub_can_deliver_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds alone cannot break this while Event Hubs keeps 7 days; a tier that keeps more could."""
    monkeypatch.setitem(bounds.LIMITS, "event_retention_hours", bounds.Limit(1, 2160, "Premium"))
    settings = settings_of("prod", event_retention_hours=169, dedup_window_days=8)
    assert "dedupWindowDays = 8: must be at least 9, a day more than eventRetentionHours (169)" in complaint(settings)
    assert check(replace(settings, dedup_window_days=9)).dedup_window_days == 9


def test_a_value_of_another_type_a_missing_key_and_an_unknown_one_are_all_named_at_once() -> None:
    values = values_of("prod") | {"partitions": "many", "protectData": 1, "alertEmails": "me", "colour": "red"}
    del values["monthlyBudget"]
    with pytest.raises(SettingsError) as caught:
        parse("prod", values)
    for part in (
        "partitions = 'many': must be a whole number",
        "protectData = 1: must be true or false",
        "alertEmails = 'me': must be a list of texts",
        "colour is not a setting",
        "monthlyBudget is not set: pulumi config set monthlyBudget ... --stack prod",
    ):
        assert part in str(caught.value)


def test_a_wrong_setting_stops_the_program(tmp_path: Any) -> None:
    with pytest.raises(RecordingError, match="partitions = 'many': must be a whole number"):
        record(tmp_path, "dev", settings={"partitions": "many"})
