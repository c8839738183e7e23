"""An environment of payments ingest, from top to bottom. Each line's details are in the file that it names."""

import pulumi
from pulumi_azure_native import authorization, resources

from payments_core.tiers import Tiers
from payments_infra import alert_rules, app_settings, config, job_specs
from payments_infra.components.access import Access, AccessArgs
from payments_infra.components.archive import Archive, ArchiveArgs
from payments_infra.components.event_hub import INGEST_GROUP, EventHub, EventHubArgs
from payments_infra.components.function_app import FunctionApp, FunctionAppArgs
from payments_infra.components.github import GitHub, GitHubArgs
from payments_infra.components.host_storage import HostStorage, HostStorageArgs
from payments_infra.components.identities import Identities, IdentitiesArgs
from payments_infra.components.jobs import Jobs, JobsArgs
from payments_infra.components.locks import Locks, LocksArgs
from payments_infra.components.monitoring import Monitoring, MonitoringArgs
from payments_infra.components.network import Network, NetworkArgs
from payments_infra.components.operations import Operations, OperationsArgs
from payments_infra.components.postgres import PGBOUNCER_PORT, PORT, Admin, Postgres, PostgresArgs
from payments_infra.components.registry import Registry, RegistryArgs
from payments_infra.names import Names
from payments_infra.place import Place
from payments_infra.server_parameters import server_parameters
from payments_infra.sizes import postgres_cores, postgres_tier

settings = config.load()
client = authorization.get_client_config()
names = Names(settings.stack, client.subscription_id)
tags = {"workload": "payments-ingest", "environment": settings.stack, "owner": settings.owner, "managed-by": "pulumi"}
group = resources.ResourceGroup(
    "group",
    resource_group_name=names.resource_group,
    tags=tags,
    opts=pulumi.ResourceOptions(protect=settings.protect_data or None),
)
place = Place(names, group.name, tags)

# Foundations
identities = Identities("identities", IdentitiesArgs(place))
monitoring = Monitoring("monitoring", MonitoringArgs(place, settings.log_retention_days, settings.log_daily_quota_gb))
network = Network("network", NetworkArgs(place, settings.address_space))

# Data
event_hub = EventHub(
    "events",
    EventHubArgs(
        place=place,
        network=network,
        monitoring=monitoring,
        units=settings.event_hub_units,
        max_units=settings.event_hub_max_units,
        partitions=settings.partitions,
        retention_hours=settings.event_retention_hours,
        public_addresses=settings.allowed_ip_addresses,
        protect=settings.protect_data,
    ),
)
archive = Archive(
    "archive",
    ArchiveArgs(
        place=place,
        network=network,
        monitoring=monitoring,
        redundancy=settings.archive_redundancy,
        tiers=Tiers(
            settings.archive_cool_after_days, settings.archive_archive_after_days, settings.archive_retention_days
        ),
        versioning=settings.archive_versioning,
        immutability_days=settings.archive_immutability_days,
        soft_delete_days=settings.soft_delete_days,
        public_addresses=settings.allowed_ip_addresses,
        protect=settings.protect_data,
    ),
)
postgres = Postgres(
    "postgres",
    PostgresArgs(
        place=place,
        network=network,
        monitoring=monitoring,
        tenant_id=client.tenant_id,
        version=settings.postgres_version,
        sku=settings.postgres_sku,
        tier=postgres_tier(settings.postgres_sku),
        storage_gb=settings.postgres_storage_gb,
        standby=settings.zone_redundant,
        backup_days=settings.postgres_backup_days,
        geo_backup=settings.postgres_geo_backup,
        maintenance_day=settings.maintenance_day,
        maintenance_hour=settings.maintenance_hour,
        admins=[
            Admin("group", settings.postgres_admin_group_name, settings.postgres_admin_group_object_id, "Group"),
            Admin("bootstrap", identities["bootstrap"].name, identities["bootstrap"].principal_id, "ServicePrincipal"),
        ],
        parameters=server_parameters(
            storage_gb=settings.postgres_storage_gb,
            cores=postgres_cores(settings.postgres_sku),
            pgbouncer=settings.pgbouncer,
        ),
        public_addresses=settings.allowed_ip_addresses,
        protect=settings.protect_data,
    ),
)
if settings.protect_data:
    Locks(
        "locks",
        LocksArgs(place, {"archive": archive.account, "postgres": postgres.server, "events": event_hub.namespace}),
    )

# Compute
host_storage = HostStorage("host-storage", HostStorageArgs(place, network, monitoring, settings.zone_redundant))
registry = Registry("registry", RegistryArgs(place, monitoring, "Standard" if settings.protect_data else "Basic"))
access = Access(
    "access",
    AccessArgs(
        subscription=client.subscription_id,
        identities=identities,
        scopes={
            "resource-group": group.id,
            "hub": event_hub.hub.id,
            "events": archive.events.id,
            "dead-letters": archive.dead_letters.id,
            "host-storage": host_storage.account.id,
            "insights": monitoring.insights.id,
            "registry": registry.registry.id,
        },
    ),
)
ready = [*event_hub.ready, *archive.ready, *postgres.ready]
around = app_settings.Surroundings(
    postgres_dsn=postgres.dsn(identities["ingest"].name, port=PGBOUNCER_PORT if settings.pgbouncer else PORT),
    archive_url=archive.url,
    archive_container=archive.events.name,
    dead_letter_container=archive.dead_letters.name,
    event_hubs_host=event_hub.host,
    event_hub=event_hub.hub.name,
    consumer_group=INGEST_GROUP,
    host_storage_url=host_storage.blob_url,
    insights_connection_string=monitoring.insights.connection_string,
    client_id=identities["ingest"].client_id,
)
function = FunctionApp(
    "function",
    FunctionAppArgs(
        place=place,
        subnet_id=network.function.id,
        identity_id=identities["ingest"].id,
        package_container_url=pulumi.Output.concat(host_storage.blob_url, "/", host_storage.packages.name),
        python_version=settings.python_version,
        instance_memory_mb=settings.instance_memory_mb,
        always_ready=settings.always_ready,
        max_instances=settings.max_instances,
        zone_redundant=settings.zone_redundant,
        settings=app_settings.function_settings(around, settings),
        after=[*access.of("ingest"), *host_storage.ready, *ready],
    ),
)
Jobs(
    "jobs",
    JobsArgs(
        place=place,
        monitoring=monitoring,
        subnet_id=network.jobs.id,
        registry=registry.registry,
        image=settings.image,
        jobs=job_specs.job_specs(
            settings, identities=identities, postgres=postgres, around=around, access=access, ready=ready
        ),
    ),
)

# Operations and delivery
Operations(
    "operations",
    OperationsArgs(
        place=place,
        subscription=client.subscription_id,
        resource_group_id=group.id,
        workspace_id=monitoring.workspace.id,
        targets={
            "event-hub": event_hub.namespace.id,
            "postgres": postgres.server.id,
            "archive": archive.account.id,
        },
        metric_alerts=alert_rules.metric_alerts(settings),
        log_alerts=alert_rules.log_alerts(settings),
        emails=settings.alert_emails,
        runbook_url=f"https://github.com/{settings.github_repository}/blob/main/docs/runbook.md",
        amount=settings.monthly_budget,
        budget_start=settings.budget_start,
    ),
)
GitHub("github", GitHubArgs(place, identities, settings.github_repository))

# What the workflows and the commands need. Nothing here is secret.
for output, value in {
    "resourceGroup": group.name,
    "functionApp": function.app.name,
    "registry": registry.registry.login_server,
    "image": settings.image,
    "jobs": {task: names.job(task) for task in ("bootstrap", "migrate", "smoke", "operate")},
    "deployClientId": identities["deploy"].client_id,
    "previewClientId": identities["preview"].client_id,
    "eventHubsHost": event_hub.host,
    "eventHub": event_hub.hub.name,
    "archiveUrl": archive.url,
    "postgresHost": postgres.server.fully_qualified_domain_name,
}.items():
    pulumi.export(output, value)
