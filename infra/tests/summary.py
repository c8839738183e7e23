"""A stack as a text that a reviewer reads: a line for each resource, and the settings of the Function App."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .stacks import Recorded, Stack

# What to show of a kind: paths into its inputs. A number is an index.
_SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "app:Job": ("template.containers.0.command", "configuration.replicaTimeout"),
    "applicationinsights:Component": ("disableLocalAuth",),
    "authorization:ManagementLockByScope": ("level",),
    "consumption:Budget": ("amount",),
    "containerregistry:Registry": ("sku.name",),
    "dbforpostgresql:AdministratorsMicrosoftEntra": ("principalName", "principalType"),
    "dbforpostgresql:Configuration": ("value",),
    "dbforpostgresql:FirewallRule": ("startIpAddress",),
    "dbforpostgresql:Server": (
        "version", "sku.name", "storage.storageSizeGB", "highAvailability.mode", "backup.backupRetentionDays",
        "backup.geoRedundantBackup", "network.publicNetworkAccess",
    ),
    "eventhub:ConsumerGroup": ("consumerGroupName",),
    "eventhub:EventHub": ("eventHubName", "partitionCount", "retentionDescription.retentionTimeInHours"),
    "eventhub:Namespace": ("sku.name", "sku.capacity", "maximumThroughputUnits", "publicNetworkAccess"),
    "managedidentity:FederatedIdentityCredential": ("subject",),
    "managedidentity:UserAssignedIdentity": ("resourceName",),
    "monitor:ActionGroup": ("emailReceivers.0.emailAddress",),
    "monitor:DiagnosticSetting": ("logs.0.category", "logs.0.categoryGroup"),
    "monitor:MetricAlert": (
        "severity", "criteria.allOf.0.metricName", "criteria.allOf.0.timeAggregation", "criteria.allOf.0.operator",
        "criteria.allOf.0.threshold", "windowSize",
    ),
    "monitor:ScheduledQueryRule": (
        "severity", "criteria.allOf.0.operator", "criteria.allOf.0.threshold", "windowSize", "evaluationFrequency",
    ),
    "network:Subnet": ("addressPrefix", "delegations.0.serviceName"),
    "network:VirtualNetwork": ("addressSpace.addressPrefixes",),
    "operationalinsights:Workspace": ("retentionInDays", "workspaceCapping.dailyQuotaGb"),
    "privatedns:PrivateZone": ("privateZoneName",),
    "resources:ResourceGroup": ("resourceGroupName", "tags"),
    "storage:BlobContainer": ("containerName",),
    "storage:BlobContainerImmutabilityPolicy": ("immutabilityPeriodSinceCreationInDays",),
    "storage:BlobServiceProperties": ("isVersioningEnabled", "deleteRetentionPolicy.days"),
    "storage:ManagementPolicy": ("policy.rules.0.definition.actions.baseBlob",),
    "storage:StorageAccount": ("accountName", "sku.name", "publicNetworkAccess"),
    "web:AppServicePlan": ("sku.name", "zoneRedundant"),
    "web:WebApp": (
        "name", "functionAppConfig.runtime.version", "functionAppConfig.scaleAndConcurrency", "publicNetworkAccess",
    ),
}  # fmt: skip


def summarize(stack: Stack) -> str:
    resources = sorted(_line(row) for row in stack if not row.is_component)
    settings = [f"{name}={value}" for name, value in sorted(stack.app_settings().items())]
    return "\n".join([f"{len(resources)} resources", *resources, "", "Settings of the Function App", *settings, ""])


def _line(row: Recorded) -> str:
    marks = [mark for mark, on in (("protected", row.protect), ("retained", row.retain)) if on]
    return " ".join([row.kind, row.name, *(f"[{mark}]" for mark in marks), *_facts(row)])


def _facts(row: Recorded) -> Iterator[str]:
    for path in _SHOWN.get(row.kind, ()):
        value: Any = row.inputs
        for part in path.split("."):
            value = _step(value, part)
        if value is not None:
            yield f"{path.split('.')[-1]}={_plain(value)}"


def _step(value: Any, part: str) -> Any:
    if isinstance(value, list):
        return value[int(part)] if int(part) < len(value) else None
    return value.get(part) if isinstance(value, dict) else None


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
