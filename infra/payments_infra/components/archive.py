"""The archive: an account of its own with the containers for events and for dead letters, their tiers and retention.

Data lives here for years: protected, locked, and left in Azure when the stack is destroyed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import storage

from payments_core.tiers import Tiers
from payments_infra.components.monitoring import Monitoring
from payments_infra.components.network import Network
from payments_infra.components.private_endpoint import PrivateEndpoint, PrivateEndpointArgs
from payments_infra.components.storage import locked_down_account
from payments_infra.lifecycle import lifecycle_rules
from payments_infra.place import Place, child

EVENTS: Final = "raw-events"
DEAD_LETTERS: Final = "dead-letter"


@dataclass(frozen=True)
class ArchiveArgs:
    """`immutability_days`: 0 for none."""

    place: Place
    network: Network
    monitoring: Monitoring
    redundancy: str
    tiers: Tiers
    versioning: bool
    immutability_days: int
    soft_delete_days: int
    public_addresses: Sequence[str]
    protect: bool


class Archive(pulumi.ComponentResource):
    """`ready` is what a writer waits for."""

    def __init__(self, name: str, args: ArchiveArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:Archive", name, {}, opts)
        place = args.place
        data = child(self, protect=args.protect, retain=args.protect)
        self.account = locked_down_account(
            f"{name}-account",
            place,
            account_name=place.names.storage_account("arc"),
            sku=args.redundancy,
            public_addresses=args.public_addresses,
            opts=data,
        )
        kept = storage.DeleteRetentionPolicyArgs(enabled=True, days=args.soft_delete_days)
        service = storage.BlobServiceProperties(
            f"{name}-blobs",
            resource_group_name=place.resource_group,
            account_name=self.account.name,
            blob_services_name="default",
            is_versioning_enabled=args.versioning,
            change_feed=storage.ChangeFeedArgs(enabled=True),
            delete_retention_policy=kept,
            container_delete_retention_policy=kept,
            opts=child(self),
        )
        immutable = args.immutability_days > 0
        self.events = storage.BlobContainer(
            f"{name}-events",
            resource_group_name=place.resource_group,
            account_name=self.account.name,
            container_name=EVENTS,
            public_access=storage.PublicAccess.NONE,
            # A version each, not the container as a whole: a batch that comes again overwrites its own file.
            immutable_storage_with_versioning=storage.ImmutableStorageWithVersioningArgs(enabled=True)
            if immutable
            else None,
            opts=child(self, after=[service], protect=args.protect, retain=args.protect),
        )
        self.dead_letters = storage.BlobContainer(
            f"{name}-dead-letters",
            resource_group_name=place.resource_group,
            account_name=self.account.name,
            container_name=DEAD_LETTERS,
            public_access=storage.PublicAccess.NONE,
            opts=child(self, after=[service], protect=args.protect, retain=args.protect),
        )
        if immutable:
            storage.BlobContainerImmutabilityPolicy(
                f"{name}-immutability",
                resource_group_name=place.resource_group,
                account_name=self.account.name,
                container_name=self.events.name,
                immutability_policy_name="default",
                immutability_period_since_creation_in_days=args.immutability_days,
                opts=child(self),
            )
        storage.ManagementPolicy(
            f"{name}-lifecycle",
            resource_group_name=place.resource_group,
            account_name=self.account.name,
            management_policy_name="default",
            policy=storage.ManagementPolicySchemaArgs(rules=lifecycle_rules(EVENTS, DEAD_LETTERS, args.tiers)),
            opts=child(self, after=[service]),
        )
        endpoint = PrivateEndpoint(
            f"{name}-endpoint",
            PrivateEndpointArgs(place, args.network, "archive", self.account.id, "blob"),
            child(self),
        )
        # Who read, wrote and deleted what, for the auditors.
        blobs = pulumi.Output.concat(self.account.id, "/blobServices/default")
        args.monitoring.send(name, blobs, parent=self, after=[service])
        self.ready: list[pulumi.Resource] = [self.events, self.dead_letters, endpoint.ready]
        self.url = pulumi.Output.concat("https://", self.account.name, ".blob.core.windows.net")
        self.register_outputs({})
