"""What the Function App's environment says, by name: the settings of docs/settings.md and those of the Functions host.

A test reads the app's own settings classes and fails when one is missing here, or is here and nobody reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from payments_infra.settings import Settings

Values = Mapping[str, pulumi.Input[str]]

# Settings of the app that are for other places, and why.
NOT_IN_AZURE: Final = {
    "ARCHIVE_CONNECTION_STRING": "Azurite; in Azure ARCHIVE_ACCOUNT_URL and an identity",
    "METRICS_FILE": "a file inside the package; without it the rules of payments_core hold",
}


@dataclass(frozen=True)
class Surroundings:
    """What the app connects to."""

    postgres_dsn: pulumi.Input[str]
    archive_url: pulumi.Input[str]
    archive_container: pulumi.Input[str]
    dead_letter_container: pulumi.Input[str]
    event_hubs_host: pulumi.Input[str]
    event_hub: pulumi.Input[str]
    consumer_group: pulumi.Input[str]
    host_storage_url: pulumi.Input[str]
    insights_connection_string: pulumi.Input[str]
    client_id: pulumi.Input[str]


def storage_settings(around: Surroundings, settings: Settings) -> Values:
    """What payments_storage reads, in the Function and in the jobs alike."""
    return {
        "POSTGRES_DSN": around.postgres_dsn,
        "POSTGRES_AUTH": "entra",
        "POSTGRES_POOL_SIZE": str(settings.postgres_pool_size),
        "ARCHIVE_ACCOUNT_URL": around.archive_url,
        "ARCHIVE_CONTAINER": around.archive_container,
        "DEAD_LETTER_CONTAINER": around.dead_letter_container,
        "AZURE_CLIENT_ID": around.client_id,
    }


def ingest_settings(settings: Settings) -> Values:
    """What the handler and the timers read besides."""
    return {
        "AGGREGATE_WINDOWS": settings.aggregate_windows,
        "PARTITIONS_AHEAD_DAYS": str(settings.partitions_ahead_days),
        "DEDUP_WINDOW_DAYS": str(settings.dedup_window_days),
        "METRICS_RETENTION_DAYS": str(settings.metrics_retention_days),
        "FAILED_ITEMS_RETENTION_DAYS": str(settings.failed_items_retention_days),
        "COMPACTION_GRACE_HOURS": str(settings.compaction_grace_hours),
        "RETRY_BUDGET_SECONDS": str(settings.retry_budget_seconds),
        "KEYS_PER_DELIVERY": str(settings.keys_per_delivery),
    }


def event_hub_settings(around: Surroundings) -> Values:
    """What the trigger and `payments produce` and `consume` read."""
    return {
        "EVENTHUB_NAME": around.event_hub,
        "EVENTHUB_CONSUMER_GROUP": around.consumer_group,
        "EventHubConnection__fullyQualifiedNamespace": around.event_hubs_host,
    }


def host_settings(around: Surroundings, settings: Settings) -> Values:
    """What the Functions host and its Python worker read. Flex Consumption takes runtime and package from elsewhere."""
    return {
        "EventHubConnection__credential": "managedidentity",
        "EventHubConnection__clientId": around.client_id,
        # Blobs only: leases and checkpoints. Queues and tables of the account are never used.
        "AzureWebJobsStorage__blobServiceUri": around.host_storage_url,
        "AzureWebJobsStorage__credential": "managedidentity",
        "AzureWebJobsStorage__clientId": around.client_id,
        "FUNCTIONS_WORKER_PROCESS_COUNT": str(settings.worker_processes),
        "PYTHON_THREADPOOL_THREAD_COUNT": "1",
        # Read by Arrow's allocator: memory of one batch serves the next. A ninth of the processor time of an event.
        "MIMALLOC_PURGE_DELAY": "-1",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": around.insights_connection_string,
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": pulumi.Output.concat(
            "ClientId=", around.client_id, ";Authorization=AAD"
        ),
    }


def function_settings(around: Surroundings, settings: Settings) -> Values:
    return {
        **storage_settings(around, settings),
        **ingest_settings(settings),
        **event_hub_settings(around),
        **host_settings(around, settings),
    }
