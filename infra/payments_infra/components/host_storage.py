"""The Functions host's own account: checkpoints, leases, and the package that is deployed."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import storage

from payments_infra.components.monitoring import Monitoring
from payments_infra.components.network import Network
from payments_infra.components.private_endpoint import PrivateEndpoint, PrivateEndpointArgs
from payments_infra.components.storage import locked_down_account
from payments_infra.place import Place, child

PACKAGES: Final = "packages"
_SOFT_DELETE_DAYS: Final = 7  # to bring a package back


@dataclass(frozen=True)
class HostStorageArgs:
    place: Place
    network: Network
    monitoring: Monitoring
    zone_redundant: bool


class HostStorage(pulumi.ComponentResource):
    """`ready` is what the Function App waits for."""

    def __init__(self, name: str, args: HostStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:HostStorage", name, {}, opts)
        place = args.place
        self.account = locked_down_account(
            f"{name}-account",
            place,
            account_name=place.names.storage_account("hst"),
            sku="Standard_ZRS" if args.zone_redundant else "Standard_LRS",
            opts=child(self),
        )
        kept = storage.DeleteRetentionPolicyArgs(enabled=True, days=_SOFT_DELETE_DAYS)
        service = storage.BlobServiceProperties(
            f"{name}-blobs",
            resource_group_name=place.resource_group,
            account_name=self.account.name,
            blob_services_name="default",
            delete_retention_policy=kept,
            container_delete_retention_policy=kept,
            opts=child(self),
        )
        self.packages = storage.BlobContainer(
            f"{name}-packages",
            resource_group_name=place.resource_group,
            account_name=self.account.name,
            container_name=PACKAGES,
            public_access=storage.PublicAccess.NONE,
            opts=child(self, after=[service]),
        )
        endpoint = PrivateEndpoint(
            f"{name}-endpoint",
            PrivateEndpointArgs(place, args.network, "host", self.account.id, "blob"),
            child(self),
        )
        # Not reads and writes: the host renews leases all the time, and nobody would read of that.
        blobs = pulumi.Output.concat(self.account.id, "/blobServices/default")
        args.monitoring.send(name, blobs, parent=self, categories=["StorageDelete"], after=[service])
        self.ready: list[pulumi.Resource] = [self.packages, endpoint.ready]
        self.blob_url = pulumi.Output.concat("https://", self.account.name, ".blob.core.windows.net")
        self.register_outputs({})
