"""Opens the SDK's clients on an address. Nothing connects before it is used."""

from typing import Any, Final

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.eventhub.aio import EventHubConsumerClient
from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore

from payments.errors import UserError
from payments.eventhub.address import Address
from payments.eventhub.aside import Checkpoints, Credential
from payments_storage.connect import credential, open_container
from payments_storage.settings import StorageSettings

LOAD_BALANCING_SECONDS: Final = 10.0
"""How often a process looks whether partitions are without an owner."""
OWNERSHIP_SECONDS: Final = 60.0
"""After so long without a sign of life a process has lost its partitions to the others."""


def open_consumer(
    address: Address, settings: StorageSettings, container: str, balancing: float, ownership: float
) -> EventHubConsumerClient:
    """Checkpoints are in `container` of the archive's account; `balancing` and `ownership` are in seconds."""
    limits: dict[str, Any] = {
        "checkpoint_store": Checkpoints(_checkpoint_store(settings, container)),
        "load_balancing_interval": balancing,
        "partition_ownership_expiration_interval": ownership,
        "retry_total": 3,
    }
    if address.connection_string is not None:
        return EventHubConsumerClient.from_connection_string(
            address.connection_string, address.consumer_group, eventhub_name=address.hub, **limits
        )
    return EventHubConsumerClient(
        str(address.namespace), address.hub, address.consumer_group, Credential(credential(settings)), **limits
    )


def _checkpoint_store(settings: StorageSettings, name: str) -> BlobCheckpointStore:
    _make(settings, name, "CHECKPOINT_CONTAINER")
    if settings.archive_connection_string is not None:
        # Azurite starts empty; in Azure the containers of the archive are provisioned, with their retention.
        _make(settings, settings.archive_container, "ARCHIVE_CONTAINER")
        _make(settings, settings.dead_letter_container, "DEAD_LETTER_CONTAINER")
        return BlobCheckpointStore.from_connection_string(settings.archive_connection_string.get_secret_value(), name)
    return BlobCheckpointStore(str(settings.archive_account_url), name, credential=credential(settings))


def _make(settings: StorageSettings, name: str, setting: str) -> None:
    try:
        with open_container(settings, name) as container:
            if not container.exists():
                container.create_container()
    except ResourceExistsError:
        pass  # another process was faster
    except AzureError as error:
        raise UserError(
            f"The container {name!r} ({setting}) cannot be reached or made ({type(error).__name__}). Check "
            f"ARCHIVE_CONNECTION_STRING or ARCHIVE_ACCOUNT_URL, and {setting}."
        ) from error
