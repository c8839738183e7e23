"""For every rule a way to break it: each function takes the resources of prod and spoils one of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from .stacks import Recorded

Rows = list[Recorded]
Breaker = Callable[[Rows], Rows]


def changed(kind: str, path: str, value: Any, name: str | None = None) -> Breaker:
    """The first resource of the kind (or the named one), with another value at the path; None takes it away."""

    def spoil(rows: Rows) -> Rows:
        row = next(row for row in rows if row.kind == kind and name in {None, row.name})
        target: Any = row.inputs
        *parents, last = path.split(".")
        for part in parents:
            target = target[int(part)] if part.isdigit() else target.setdefault(part, {})
        if value is None:
            target.pop(last, None)
        elif last.isdigit():
            target[int(last)] = value
        else:
            target[last] = value
        return rows

    return spoil


def removed(kind: str, name: str | None = None) -> Breaker:
    def spoil(rows: Rows) -> Rows:
        gone = next(row for row in rows if row.kind == kind and name in {None, row.name})
        return [row for row in rows if row is not gone]

    return spoil


def added(kind: str, inputs: Mapping[str, Any]) -> Breaker:
    def spoil(rows: Rows) -> Rows:
        return [*rows, replace(rows[0], type=f"azure-native:{kind}", name="added", inputs=dict(inputs))]

    return spoil


def doubled(kind: str) -> Breaker:
    def spoil(rows: Rows) -> Rows:
        return [*rows, next(row for row in rows if row.kind == kind)]

    return spoil


def setting(name: str, value: str) -> Breaker:
    def spoil(rows: Rows) -> Rows:
        app = next(row for row in rows if row.kind == "web:WebApp")
        app.inputs["siteConfig"]["appSettings"].append({"name": name, "value": value})
        return rows

    return spoil


def parameter(name: str, value: str) -> Breaker:
    return changed("dbforpostgresql:Configuration", "value", value, f"postgres-{name}")


_EVENT_HUBS: Final[dict[str, Breaker]] = {
    "event-hubs-require-tls-1-2": changed("eventhub:Namespace", "minimumTlsVersion", "1.1"),
    "event-hubs-have-no-keys": changed("eventhub:Namespace", "disableLocalAuth", value=False),
    "event-hubs-outlive-a-zone": changed("eventhub:Namespace", "zoneRedundant", value=False),
    "event-hubs-grow-before-they-throttle": changed("eventhub:Namespace", "maximumThroughputUnits", 1.0),
    "event-hubs-deny-who-is-not-named": changed("eventhub:NamespaceNetworkRuleSet", "defaultAction", "Allow"),
    "a-hub-fits-the-standard-tier": changed("eventhub:EventHub", "partitionCount", 64.0),
    "a-hub-says-its-retention-once": changed("eventhub:EventHub", "messageRetentionInDays", 7.0),
    "no-consumer-uses-the-default-group": changed("eventhub:ConsumerGroup", "consumerGroupName", "$Default"),
    "every-namespace-has-network-rules": removed("eventhub:NamespaceNetworkRuleSet"),
}
_ACCOUNT: Final = "storage:StorageAccount"
_LIFECYCLE: Final = "storage:ManagementPolicy"
_EVENTS_RULE: Final = "policy.rules.0.definition.actions"
_WORM: Final = {"containerName": "raw-events", "immutabilityPeriodSinceCreationInDays": 30.0}
_STORAGE: Final[dict[str, Breaker]] = {
    "storage-requires-tls-1-2": changed(_ACCOUNT, "minimumTlsVersion", "TLS1_0"),
    "storage-requires-https": changed(_ACCOUNT, "enableHttpsTrafficOnly", value=False),
    "storage-has-no-keys": changed(_ACCOUNT, "allowSharedKeyAccess", value=True),
    "storage-has-no-public-blobs": changed(_ACCOUNT, "allowBlobPublicAccess", value=True),
    "storage-does-not-copy-to-other-tenants": changed(_ACCOUNT, "allowCrossTenantReplication", value=True),
    "storage-denies-who-is-not-named": changed(_ACCOUNT, "networkRuleSet.defaultAction", "Allow"),
    "storage-encrypts-twice": changed(_ACCOUNT, "encryption.requireInfrastructureEncryption", value=False),
    "storage-signatures-expire": changed(_ACCOUNT, "sasPolicy", None),
    "containers-are-private": changed("storage:BlobContainer", "publicAccess", "Blob"),
    "deleted-blobs-can-be-brought-back": changed("storage:BlobServiceProperties", "deleteRetentionPolicy.days", 1.0),
    "deleted-containers-can-be-brought-back": changed(
        "storage:BlobServiceProperties", "containerDeleteRetentionPolicy", None
    ),
    "no-tier-is-left-before-its-minimum": changed(
        _LIFECYCLE, f"{_EVENTS_RULE}.baseBlob.tierToArchive.daysAfterModificationGreaterThan", 40.0
    ),
    "what-ends-ends-with-its-versions": changed(_LIFECYCLE, f"{_EVENTS_RULE}.version.delete", None),
    "an-archive-tier-needs-lrs-or-grs": changed(_ACCOUNT, "sku.name", "Standard_ZRS", "archive-account"),
    "immutable-containers-keep-versions": lambda rows: changed(
        "storage:BlobServiceProperties", "isVersioningEnabled", value=False, name="archive-blobs"
    )(changed("storage:BlobContainer", "immutableStorageWithVersioning", {"enabled": True}, "archive-events")(rows)),
    "no-container-is-immutable-as-a-whole": added("storage:BlobContainerImmutabilityPolicy", _WORM),
}
_SERVER: Final = "dbforpostgresql:Server"
_POSTGRES: Final[dict[str, Breaker]] = {
    "postgres-has-no-passwords": changed(_SERVER, "authConfig.passwordAuth", "Enabled"),
    "postgres-is-a-version-with-entra-login": changed(_SERVER, "version", "18"),
    "a-standby-needs-more-than-burstable": changed(_SERVER, "sku.tier", "Burstable"),
    "a-standby-is-in-another-zone": changed(_SERVER, "highAvailability.mode", "SameZone"),
    "what-outlives-a-zone-outlives-a-region": changed(_SERVER, "backup.geoRedundantBackup", "Disabled"),
    "postgres-grows-before-it-turns-read-only": changed(_SERVER, "storage.autoGrow", "Disabled"),
    "postgres-is-maintained-when-we-say": changed(_SERVER, "maintenanceWindow", None),
    "postgres-lets-in-single-addresses": added(
        "dbforpostgresql:FirewallRule",
        {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"},  # noqa: S104
    ),
    "people-administer-postgres-as-a-group": changed(
        "dbforpostgresql:AdministratorsMicrosoftEntra", "principalType", "User"
    ),
    "server-logs-quote-no-rows": parameter("log_error_verbosity", "default"),
    "postgres-requires-tls-1-2": parameter("ssl_min_protocol_version", "TLSv1"),
    "burstable-servers-have-no-pooler": changed(_SERVER, "sku.tier", "Burstable"),
    "a-pooler-by-transaction-knows-prepared-statements": removed(
        "dbforpostgresql:Configuration", "postgres-pgbouncer.max_prepared_statements"
    ),
}
_APP: Final = "web:WebApp"
_SCALE: Final = "functionAppConfig.scaleAndConcurrency"
_FUNCTIONS: Final[dict[str, Breaker]] = {
    "flex-gets-no-site-key-that-it-rejects": changed(_APP, "siteConfig.netFrameworkVersion", "v4.6"),
    "flex-gets-no-deprecated-setting": setting("FUNCTIONS_WORKER_RUNTIME", "python"),
    "the-app-has-no-secret": setting("EventHubConnection", "Endpoint=sb://x/;SharedAccessKey=abc"),
    "the-app-requires-https": changed(_APP, "httpsOnly", value=False),
    "the-app-requires-tls-1-2": changed(_APP, "siteConfig.scmMinTlsVersion", "1.0"),
    "the-app-has-an-identity-of-its-own": changed(_APP, "identity.type", "SystemAssigned"),
    "the-site-answers-nobody": changed(_APP, "siteConfig.ipSecurityRestrictionsDefaultAction", "Allow"),
    "flex-scales-within-what-it-offers": changed(_APP, f"{_SCALE}.maximumInstanceCount", 10.0),
    "the-runtime-is-one-that-is-tested": changed(_APP, "functionAppConfig.runtime.version", "3.21"),
    "the-package-is-read-by-identity": changed(
        _APP, "functionAppConfig.deployment.storage.authentication.type", "StorageAccountConnectionString"
    ),
    "a-flex-plan-has-one-app": doubled(_APP),
    "a-zone-redundant-plan-has-two-ready-instances": changed(_APP, f"{_SCALE}.alwaysReady.0.instanceCount", 1.0),
    "nobody-publishes-with-a-password": changed("web:WebAppScmAllowed", "allow", value=True),
    "a-job-ends": changed("app:Job", "configuration.replicaTimeout", 86_400.0),
    "a-job-has-no-secret": changed("app:Job", "configuration.secrets", [{"name": "key", "value": "x"}]),
    "jobs-run-inside-the-network": changed("app:ManagedEnvironment", "vnetConfiguration.internal", value=False),
    "the-registry-knows-who-pulls": changed("containerregistry:Registry", "adminUserEnabled", value=True),
}
_NETWORK: Final[dict[str, Breaker]] = {
    "every-subnet-has-a-security-group": changed("network:Subnet", "networkSecurityGroup", None),
    "nobody-comes-in-from-anywhere": changed(
        "network:NetworkSecurityGroup", "securityRules.0.sourceAddressPrefix", "Internet", "network-endpoints-rules"
    ),
    "an-endpoint-connects-to-one-part-of-one-service": changed(
        "network:PrivateEndpoint", "privateLinkServiceConnections.0.groupIds", ["blob", "queue"]
    ),
    "zones-of-endpoints-register-no-machines": changed(
        "privatedns:VirtualNetworkLink", "registrationEnabled", value=True
    ),
    "every-endpoint-has-its-name": removed("network:PrivateDnsZoneGroup"),
    "everything-with-data-has-an-endpoint": removed("network:PrivateEndpoint", "postgres-endpoint"),
    "outside-dev-nothing-with-data-is-public": changed(_SERVER, "network.publicNetworkAccess", "Enabled"),
    "the-function-has-a-delegated-subnet-of-its-own": changed(
        "network:Subnet", "delegations", None, "network-function"
    ),
}
_ASSIGNMENT: Final = "authorization:RoleAssignment"
_ACCESS: Final[dict[str, Breaker]] = {
    "identities-are-called-service-principals": changed(_ASSIGNMENT, "principalType", "User"),
    "nobody-is-owner": changed(_ASSIGNMENT, "roleDefinitionId", "/x/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
    "who-gives-roles-gives-named-ones": changed(
        _ASSIGNMENT, "condition", None, "access-deploy-rbac-administrator-resource-group"
    ),
    "data-roles-are-on-single-resources": changed(
        _ASSIGNMENT, "scope", "/subscriptions/s/resourceGroups/rg", "access-ingest-blob-data-contributor-events"
    ),
    "only-one-workflow-of-ours-may-log-in": changed(
        "managedidentity:FederatedIdentityCredential", "subject", "repo:example/*:ref:refs/heads/main"
    ),
    "pull-requests-may-only-look": changed(
        _ASSIGNMENT,
        "roleDefinitionId",
        "/x/b24988ac-6180-42a0-ab88-20f7382dd24c",
        "access-preview-reader-resource-group",
    ),
    "what-is-protected-is-locked": removed("authorization:ManagementLockByScope"),
}
_OPERATIONS: Final[dict[str, Breaker]] = {
    "logs-are-sent-by-identities": changed("operationalinsights:Workspace", "features.disableLocalAuth", value=False),
    "logs-cannot-cost-without-end": changed("operationalinsights:Workspace", "workspaceCapping.dailyQuotaGb", -1.0),
    "insights-are-in-the-workspace": changed("applicationinsights:Component", "workspaceResourceId", None),
    "metric-alerts-end-by-themselves": changed("monitor:MetricAlert", "autoMitigate", value=False),
    "metric-alerts-reach-somebody-who-knows-what-to-do": changed("monitor:MetricAlert", "actions", []),
    "log-alerts-reach-somebody-who-knows-what-to-do": changed("monitor:ScheduledQueryRule", "description", "Look."),
    "somebody-is-on-call": changed("monitor:ActionGroup", "emailReceivers", []),
    "diagnostics-have-both-logs-and-metrics": changed("monitor:DiagnosticSetting", "metrics", []),
    "everything-with-data-is-watched": removed("monitor:DiagnosticSetting", "postgres-diagnostics"),
    "everything-says-whose-it-is": changed(_ACCOUNT, "tags.owner", None),
    "costs-have-a-budget": removed("consumption:Budget"),
}
BROKEN: Final[Mapping[str, Breaker]] = {
    **_EVENT_HUBS,
    **_STORAGE,
    **_POSTGRES,
    **_FUNCTIONS,
    **_NETWORK,
    **_ACCESS,
    **_OPERATIONS,
}
