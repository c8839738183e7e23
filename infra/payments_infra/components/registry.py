"""The registry of the jobs' image. Reached from outside, for the pipeline pushes to it, but by identities only."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerregistry

from payments_infra.components.monitoring import Monitoring
from payments_infra.place import Place, child


@dataclass(frozen=True)
class RegistryArgs:
    place: Place
    monitoring: Monitoring
    sku: str


class Registry(pulumi.ComponentResource):
    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:Registry", name, {}, opts)
        self.registry = containerregistry.Registry(
            name,
            resource_group_name=args.place.resource_group,
            registry_name=args.place.names.registry,
            sku=containerregistry.SkuArgs(name=args.sku),
            admin_user_enabled=False,
            anonymous_pull_enabled=False,
            public_network_access="Enabled",
            tags=args.place.tags,
            opts=child(self),
        )
        args.monitoring.send(name, self.registry.id, parent=self)
        self.register_outputs({})
