"""Blob Storage."""

from collections.abc import Iterator, Sequence
from typing import Final

from payments_core.tiers import ARCHIVE_DAYS, COOL_DAYS
from payments_policies.rules import Props, Resource, Rules, at, of_kind

RULES: Final = Rules()
_ACCOUNT: Final = "storage:StorageAccount"
_SERVICE: Final = "storage:BlobServiceProperties"
_LIFECYCLE: Final = "storage:ManagementPolicy"


@RULES.about(_ACCOUNT, "PSRule Azure.Storage.MinTLS, Checkov CKV_AZURE_44")
def storage_requires_tls_1_2(props: Props) -> bool:
    """A storage account takes TLS 1.2 and newer only: set minimumTlsVersion to TLS1_2."""
    return at(props, "minimumTlsVersion") in {"TLS1_2", "TLS1_3"}


@RULES.about(_ACCOUNT, "PSRule Azure.Storage.SecureTransfer, Checkov CKV_AZURE_3")
def storage_requires_https(props: Props) -> bool:
    """A storage account takes HTTPS only: set enableHttpsTrafficOnly to true."""
    return at(props, "enableHttpsTrafficOnly") is True


@RULES.about(_ACCOUNT, "PSRule Azure.Storage.LocalAuth")
def storage_has_no_keys(props: Props) -> bool:
    """A storage account takes Entra identities only: set allowSharedKeyAccess and isLocalUserEnabled to false."""
    return at(props, "allowSharedKeyAccess") is False and at(props, "isLocalUserEnabled") is False


@RULES.about(_ACCOUNT, "PSRule Azure.Storage.BlobPublicAccess, Checkov CKV_AZURE_59")
def storage_has_no_public_blobs(props: Props) -> bool:
    """A storage account lets no container be public: set allowBlobPublicAccess to false."""
    return at(props, "allowBlobPublicAccess") is False


@RULES.about(_ACCOUNT, "learn.microsoft.com/azure/storage/blobs/object-replication-prevent-cross-tenant-policies")
def storage_does_not_copy_to_other_tenants(props: Props) -> bool:
    """Nobody may replicate payment data into another tenant: set allowCrossTenantReplication to false."""
    return at(props, "allowCrossTenantReplication") is False


@RULES.about(_ACCOUNT, "PSRule Azure.Storage.Firewall, Checkov CKV_AZURE_35")
def storage_denies_who_is_not_named(props: Props) -> bool:
    """The network rules of a storage account deny by default."""
    return at(props, "networkRuleSet.defaultAction") == "Deny"


@RULES.about(_ACCOUNT, "learn.microsoft.com/azure/storage/common/infrastructure-encryption-enable")
def storage_encrypts_twice(props: Props) -> bool:
    """Infrastructure encryption is on. It can be set only when the account is created."""
    return at(props, "encryption.requireInfrastructureEncryption") is True


@RULES.about(_ACCOUNT, "learn.microsoft.com/azure/storage/common/sas-expiration-policy")
def storage_signatures_expire(props: Props) -> bool:
    """A signed link that somebody makes ends within a day: set sasPolicy, with the action Block."""
    return at(props, "sasPolicy.expirationAction") == "Block"


@RULES.about("storage:BlobContainer", "PSRule Azure.Storage.BlobAccessType, Checkov CKV_AZURE_34")
def containers_are_private(props: Props) -> bool:
    """A container is not public: set publicAccess to None."""
    return at(props, "publicAccess") == "None"


@RULES.about(_SERVICE, "PSRule Azure.Storage.SoftDelete")
def deleted_blobs_can_be_brought_back(props: Props) -> bool:
    """Deleted blobs stay for at least 7 days: set deleteRetentionPolicy."""
    return at(props, "deleteRetentionPolicy.enabled") is True and at(props, "deleteRetentionPolicy.days", 0) >= 7  # noqa: PLR2004


@RULES.about(_SERVICE, "PSRule Azure.Storage.ContainerSoftDelete")
def deleted_containers_can_be_brought_back(props: Props) -> bool:
    """Deleted containers stay for at least 7 days: set containerDeleteRetentionPolicy."""
    policy = at(props, "containerDeleteRetentionPolicy", {})
    return policy.get("enabled") is True and policy.get("days", 0) >= 7  # noqa: PLR2004


@RULES.about(_LIFECYCLE, "learn.microsoft.com/azure/storage/blobs/access-tiers-overview")
def no_tier_is_left_before_its_minimum(props: Props) -> bool:
    """A blob stays 30 days in the cool tier and 180 in the archive tier, for it is billed for them in any case."""
    for rule in at(props, "policy.rules", []):
        days = _days(rule)
        if "tierToArchive" in days and days["tierToArchive"] < days.get("tierToCool", 0) + COOL_DAYS:
            return False
        if "tierToArchive" in days and days.get("delete", days["tierToArchive"]) < days["tierToArchive"] + ARCHIVE_DAYS:
            return False
    return True


@RULES.about(_LIFECYCLE, "learn.microsoft.com/azure/storage/blobs/lifecycle-management-overview")
def what_ends_ends_with_its_versions(props: Props) -> bool:
    """A rule that deletes blobs deletes their versions and snapshots too, or they stay and cost for ever."""
    for rule in at(props, "policy.rules", []):
        actions = at(rule, "definition.actions", {})
        if at(actions, "baseBlob.delete") and not (at(actions, "version.delete") and at(actions, "snapshot.delete")):
            return False
    return True


@RULES.about_the_stack("learn.microsoft.com/azure/storage/blobs/access-tiers-overview#redundancy")
def an_archive_tier_needs_lrs_or_grs(resources: Sequence[Resource]) -> Iterator[str]:
    """An account whose blobs move to the archive tier has the redundancy LRS, GRS or RA-GRS."""
    archiving = {
        at(policy.props, "accountName")
        for policy in of_kind(resources, _LIFECYCLE)
        if any("tierToArchive" in _days(rule) for rule in at(policy.props, "policy.rules", []))
    }
    for account in of_kind(resources, _ACCOUNT):
        redundancy = at(account.props, "sku.name")
        if at(account.props, "accountName") in archiving and redundancy not in _WITH_ARCHIVE:
            yield account.name


@RULES.about_the_stack("learn.microsoft.com/azure/storage/blobs/immutable-version-level-worm-policies")
def immutable_containers_keep_versions(resources: Sequence[Resource]) -> Iterator[str]:
    """Immutability by version needs versioning on the account, and excludes its point-in-time restore."""
    services = {at(service.props, "accountName"): service.props for service in of_kind(resources, _SERVICE)}
    for container in of_kind(resources, "storage:BlobContainer"):
        if at(container.props, "immutableStorageWithVersioning.enabled"):
            service = services.get(at(container.props, "accountName"), {})
            if at(service, "isVersioningEnabled") is not True or at(service, "restorePolicy.enabled"):
                yield container.name


@RULES.about_the_stack("learn.microsoft.com/azure/storage/blobs/immutable-container-level-worm-policies")
def no_container_is_immutable_as_a_whole(resources: Sequence[Resource]) -> Iterator[str]:
    """A batch that comes again overwrites its own file, which a policy on the whole container forbids."""
    by_version = {
        at(container.props, "containerName")
        for container in of_kind(resources, "storage:BlobContainer")
        if at(container.props, "immutableStorageWithVersioning.enabled")
    }
    for policy in of_kind(resources, "storage:BlobContainerImmutabilityPolicy"):
        if at(policy.props, "containerName") not in by_version:
            yield policy.name


_WITH_ARCHIVE: Final = {"Standard_LRS", "Standard_GRS", "Standard_RAGRS"}


def _days(rule: Props) -> dict[str, float]:
    """tierToCool, tierToArchive, delete -> days of age, of a lifecycle rule's base blobs."""
    actions = at(rule, "definition.actions.baseBlob", {})
    ages = {action: _age(when) for action, when in actions.items() if isinstance(when, dict)}
    return {action: age for action, age in ages.items() if age is not None}


def _age(when: Props) -> float | None:
    """The other condition, daysAfterLastTierChangeGreaterThan, only ever makes a move later."""
    names = [name for name, days in when.items() if name != "daysAfterLastTierChangeGreaterThan" and days is not None]
    return when[names[0]] if names else None
