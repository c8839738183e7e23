"""A private endpoint: an address in our network for one service, and its name in the private DNS zone."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from payments_infra.components.network import Network
from payments_infra.place import Place, child


@dataclass(frozen=True)
class PrivateEndpointArgs:
    """`group` is the part of the service to connect to, a key of network.ZONES. `after`: what it must not disturb."""

    place: Place
    network: Network
    role: str
    target_id: pulumi.Input[str]
    group: str
    after: Sequence[pulumi.Resource] = ()


class PrivateEndpoint(pulumi.ComponentResource):
    """`ready` exists when the name resolves: who connects through the endpoint depends on it."""

    def __init__(self, name: str, args: PrivateEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:PrivateEndpoint", name, {}, opts)
        place = args.place
        zone, link = args.network.zones[args.group]
        endpoint = network.PrivateEndpoint(
            name,
            resource_group_name=place.resource_group,
            private_endpoint_name=place.names.local("pep", args.role),
            subnet=network.SubnetArgs(id=args.network.endpoints.id),
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=args.role, private_link_service_id=args.target_id, group_ids=[args.group]
                )
            ],
            tags=place.tags,
            opts=child(self, after=args.after),
        )
        self.ready: pulumi.Resource = network.PrivateDnsZoneGroup(
            f"{name}-dns",
            resource_group_name=place.resource_group,
            private_endpoint_name=endpoint.name,
            private_dns_zone_group_name="default",
            private_dns_zone_configs=[
                network.PrivateDnsZoneConfigArgs(name=args.group.lower(), private_dns_zone_id=zone.id)
            ],
            opts=child(self, after=[link]),
        )
        self.register_outputs({})
