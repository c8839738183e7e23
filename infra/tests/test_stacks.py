"""What the stacks promise, a sentence each. What every Azure resource must keep is in infra/policies."""

import json
from collections.abc import Mapping

import pytest

from .stacks import STACKS, Stack


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_nothing_that_holds_data_is_reachable_from_the_internet(recorded: Mapping[str, Stack], name: str) -> None:
    stack = recorded[name]
    for kind in ("storage:StorageAccount", "eventhub:Namespace"):
        assert {row.inputs["publicNetworkAccess"] for row in stack.of_kind(kind)} == {"Disabled"}
    assert stack.one("dbforpostgresql:Server").inputs["network"] == {"publicNetworkAccess": "Disabled"}


def test_dev_lets_in_named_addresses_and_nobody_else_and_only_when_told(dev: Stack, opened_dev: Stack) -> None:
    assert dev.one("eventhub:Namespace").inputs["publicNetworkAccess"] == "Disabled"
    rules = opened_dev.one("eventhub:NamespaceNetworkRuleSet").inputs
    assert (rules["defaultAction"], [rule["ipMask"] for rule in rules["ipRules"]]) == ("Deny", ["8.8.8.8"])
    archive = opened_dev.one("storage:StorageAccount", "archive-account").inputs["networkRuleSet"]
    assert (archive["defaultAction"], len(archive["ipRules"])) == ("Deny", 1)
    rule = opened_dev.one("dbforpostgresql:FirewallRule").inputs
    assert rule["startIpAddress"] == rule["endIpAddress"] == "8.8.8.8"
    host = opened_dev.one("storage:StorageAccount", "host-storage-account").inputs
    assert host["publicNetworkAccess"] == "Disabled", "no laptop needs the host's storage"


def test_files_cool_at_30_days_are_archived_at_90_and_deleted_after_seven_years(prod: Stack) -> None:
    rules = {
        rule["name"]: rule["definition"] for rule in prod.one("storage:ManagementPolicy").inputs["policy"]["rules"]
    }
    events = rules["events"]
    assert events["filters"]["prefixMatch"] == ["raw-events/"]
    base = events["actions"]["baseBlob"]
    assert {name: when["daysAfterModificationGreaterThan"] for name, when in base.items()} == {
        "tierToCool": 30, "tierToArchive": 90, "delete": 2557,
    }  # fmt: skip
    for part in ("version", "snapshot"):
        assert events["actions"][part]["delete"] == {"daysAfterCreationGreaterThan": 2557}


def test_an_unresolved_dead_letter_is_never_deleted(stack: Stack) -> None:
    for rule in stack.one("storage:ManagementPolicy").inputs["policy"]["rules"]:
        if "dead-letter/" in rule["definition"]["filters"]["prefixMatch"]:
            assert "baseBlob" not in rule["definition"]["actions"]


def test_immutability_is_by_version_and_unlocked_and_not_for_dead_letters(opened_dev: Stack) -> None:
    events = opened_dev.one("storage:BlobContainer", "archive-events").inputs
    assert events["immutableStorageWithVersioning"] == {"enabled": True}
    policy = opened_dev.one("storage:BlobContainerImmutabilityPolicy").inputs
    assert (policy["containerName"], policy["immutabilityPeriodSinceCreationInDays"]) == ("raw-events", 30)
    letters = opened_dev.one("storage:BlobContainer", "archive-dead-letters").inputs
    assert "immutableStorageWithVersioning" not in letters, "the redrive deletes what it brought back"


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_data_is_protected_locked_and_outlives_the_stack(recorded: Mapping[str, Stack], name: str) -> None:
    stack = recorded[name]
    protected = {row.name for row in stack if row.protect}
    assert protected == {
        "group", "events-namespace", "events-hub", "archive-account", "archive-events", "archive-dead-letters",
        "postgres-server",
    }  # fmt: skip
    assert {row.name for row in stack if row.retain} == {"archive-account", "archive-events", "archive-dead-letters"}
    assert len(stack.of_kind("authorization:ManagementLockByScope")) == 3


def test_dev_can_be_destroyed(dev: Stack) -> None:
    assert not [row.name for row in dev if row.protect or row.retain]
    assert not dev.of_kind("authorization:ManagementLockByScope")


def test_prod_outlives_a_zone_and_a_region(prod: Stack) -> None:
    server = prod.one("dbforpostgresql:Server").inputs
    assert server["highAvailability"]["mode"] == "ZoneRedundant"
    assert server["backup"] == {"backupRetentionDays": 35, "geoRedundantBackup": "Enabled"}
    assert prod.one("storage:StorageAccount", "archive-account").inputs["sku"] == {"name": "Standard_GRS"}
    assert prod.one("storage:StorageAccount", "host-storage-account").inputs["sku"] == {"name": "Standard_ZRS"}
    assert prod.one("web:AppServicePlan").inputs["zoneRedundant"] is True


def test_a_failover_is_not_undone_by_the_next_deployment(stack: Stack) -> None:
    ignored = stack.one("dbforpostgresql:Server").ignore_changes
    assert ignored == ["availabilityZone", "highAvailability.standbyAvailabilityZone", "storage.storageSizeGB"]


def test_what_an_identity_may_do_is_what_its_work_needs(prod: Stack) -> None:
    roles = {row.name.removeprefix("access-") for row in prod.of_kind("authorization:RoleAssignment")}
    assert roles == {
        "ingest-event-hubs-data-receiver-hub",
        "ingest-blob-data-contributor-events",
        "ingest-blob-data-contributor-dead-letters",
        "ingest-blob-data-owner-host-storage",
        "ingest-monitoring-metrics-publisher-insights",
        "bootstrap-acr-pull-registry",
        "migrate-acr-pull-registry",
        "smoke-acr-pull-registry",
        "smoke-event-hubs-data-sender-hub",
        "smoke-blob-data-reader-events",
        "operate-acr-pull-registry",
        "operate-blob-data-contributor-events",
        "operate-blob-data-contributor-dead-letters",
        "preview-reader-resource-group",
        "deploy-contributor-resource-group",
        "deploy-rbac-administrator-resource-group",
    }


def test_the_pipeline_cannot_give_itself_or_others_more_than_the_workloads_hold(prod: Stack) -> None:
    row = prod.one("authorization:RoleAssignment", "access-deploy-rbac-administrator-resource-group")
    condition = row.inputs["condition"]
    for forbidden in ("b24988ac-6180-42a0-ab88-20f7382dd24c", "f58310d9-a9f6-439a-9e8d-f62e7b41a168"):
        assert forbidden not in condition
    assert condition.count("ServicePrincipal") == 2, "neither gives nor takes roles of people"
    assert row.inputs["conditionVersion"] == "2.0"


def test_only_the_bootstrap_identity_and_a_group_administer_postgres(prod: Stack) -> None:
    admins = {row.inputs["principalName"]: row.inputs["principalType"] for row in prod.of_kind(
        "dbforpostgresql:AdministratorsMicrosoftEntra")}  # fmt: skip
    assert admins == {"id-payments-bootstrap-prod": "ServicePrincipal", "payments-prod-postgres-admins": "Group"}


def test_the_bootstrap_job_knows_every_login_and_its_group(prod: Stack) -> None:
    job = prod.one("app:Job", "jobs-bootstrap").inputs["template"]["containers"][0]
    environment = {variable["name"]: variable["value"] for variable in job["env"]}
    logins = {
        login["name"]: (login["kind"], login["member_of"]) for login in json.loads(environment["POSTGRES_LOGINS"])
    }
    assert logins == {
        "id-payments-migrate-prod": ("service", None),
        "id-payments-ingest-prod": ("service", "payments_writer"),
        "id-payments-operate-prod": ("service", "payments_operator"),
        "id-payments-smoke-prod": ("service", "payments_reader"),
        "payments-prod-analysts": ("group", "payments_reader"),
    }
    assert environment["POSTGRES_ADMIN_DSN"].startswith("postgresql://id-payments-bootstrap-prod@")
    assert "/postgres?sslmode=verify-full" in environment["POSTGRES_ADMIN_DSN"]


def test_jobs_go_to_postgres_directly(stack: Stack) -> None:
    """A migration's program, dbmate, holds a lock in its session, which PgBouncer would not keep."""
    for job in stack.of_kind("app:Job"):
        for variable in job.inputs["template"]["containers"][0]["env"]:
            if variable["name"].endswith("_DSN"):
                assert ":5432/" in variable["value"], job.name


def test_each_job_runs_as_itself(stack: Stack) -> None:
    for job in stack.of_kind("app:Job"):
        (identity,) = job.inputs["identity"]["userAssignedIdentities"]
        assert identity.endswith(f"id-payments-{job.name.removeprefix('jobs-')}-{job.inputs['tags']['environment']}")
        assert job.inputs["configuration"]["registries"][0]["identity"] == identity


@pytest.mark.parametrize("name", STACKS)
def test_github_logs_in_as_reader_for_pull_requests_and_deploys_from_one_environment(
    recorded: Mapping[str, Stack], name: str
) -> None:
    credentials = recorded[name].of_kind("managedidentity:FederatedIdentityCredential")
    assert {row.name: row.inputs["subject"] for row in credentials} == {
        "github-preview": "repo:example/payments-ingest:pull_request",
        "github-drift": "repo:example/payments-ingest:ref:refs/heads/main",
        "github-deploy": f"repo:example/payments-ingest:environment:{name}",
    }


def test_the_package_is_in_the_hosts_account_and_not_in_the_archive(stack: Stack) -> None:
    place = stack.one("web:WebApp").inputs["functionAppConfig"]["deployment"]["storage"]["value"]
    host = stack.one("storage:StorageAccount", "host-storage-account").inputs["accountName"]
    assert place == f"https://{host}.blob.core.windows.net/packages"


def test_reads_and_deletions_of_the_archive_are_on_record(stack: Stack) -> None:
    setting = stack.one("monitor:DiagnosticSetting", "archive-diagnostics").inputs
    assert setting["resourceUri"].endswith("/blobServices/default")
    assert [log["categoryGroup"] for log in setting["logs"]] == ["allLogs"]
