"""The virtual network: subnets for the Function, the jobs and the private endpoints, and the DNS zones of the last.

The Function and the jobs need a subnet each, both delegated to Microsoft.App: neither may share its own.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import network, privatedns

from payments_infra.place import Place, child

DELEGATION: Final = "Microsoft.App/environments"
# What a private endpoint connects to -> the zone in which its name must resolve
# https://learn.microsoft.com/azure/private-link/private-endpoint-dns
ZONES: Final = {
    "blob": "privatelink.blob.core.windows.net",
    "namespace": "privatelink.servicebus.windows.net",
    "postgresqlServer": "privatelink.postgres.database.azure.com",
}
# 443 Blob Storage; 5671 and 5672 Event Hubs (AMQP); 5432 PostgreSQL and 6432 its PgBouncer
ENDPOINT_PORTS: Final = ("443", "5671", "5672", "5432", "6432")


@dataclass(frozen=True)
class SubnetPlan:
    """Address ranges cut from a /23: the Function may grow, the others stay small."""

    function: str
    jobs: str
    endpoints: str


def plan_subnets(address_space: str) -> SubnetPlan:
    first, second = ipaddress.IPv4Network(address_space).subnets(new_prefix=24)
    small = list(second.subnets(new_prefix=26))
    return SubnetPlan(function=str(first), jobs=str(small[0]), endpoints=str(small[1]))


@dataclass(frozen=True)
class NetworkArgs:
    place: Place
    address_space: str


class Network(pulumi.ComponentResource):
    """Subnets by role, and the zone of each kind of private endpoint, linked to the network."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:Network", name, {}, opts)
        self._place = place = args.place
        plan = plan_subnets(args.address_space)
        self._network = network.VirtualNetwork(
            name,
            resource_group_name=place.resource_group,
            virtual_network_name=place.names.local("vnet"),
            address_space=network.AddressSpaceArgs(address_prefixes=[args.address_space]),
            tags=place.tags,
            opts=child(self),
        )
        workloads = self._security_group("workloads", [])
        endpoints = self._security_group("endpoints", list(_endpoint_rules()))
        # One after another: the network refuses two changes at a time (AnotherOperationInProgress).
        self.function = self._delegated_subnet("function", plan.function, workloads, self._network)
        self.jobs = self._delegated_subnet("jobs", plan.jobs, workloads, self.function)
        self.endpoints = network.Subnet(
            f"{name}-endpoints",
            resource_group_name=place.resource_group,
            virtual_network_name=self._network.name,
            subnet_name=place.names.local("snet", "endpoints"),
            address_prefix=plan.endpoints,
            network_security_group=network.NetworkSecurityGroupArgs(id=endpoints.id),
            # Without it the security group would not apply to private endpoints.
            private_endpoint_network_policies="Enabled",
            default_outbound_access=False,  # endpoints open no connection by themselves
            opts=child(self, after=[self.jobs]),
        )
        self.zones = {group: self._zone(group, zone) for group, zone in ZONES.items()}
        self.register_outputs({})

    def _security_group(self, role: str, rules: list[network.SecurityRuleArgs]) -> network.NetworkSecurityGroup:
        """Without rules of ours Azure's own hold: in from the network and its load balancer only."""
        return network.NetworkSecurityGroup(
            f"network-{role}-rules",
            resource_group_name=self._place.resource_group,
            network_security_group_name=self._place.names.local("nsg", role),
            security_rules=rules,
            tags=self._place.tags,
            opts=child(self),
        )

    def _delegated_subnet(
        self, role: str, prefix: str, group: network.NetworkSecurityGroup, after: pulumi.Resource
    ) -> network.Subnet:
        return network.Subnet(
            f"network-{role}",
            resource_group_name=self._place.resource_group,
            virtual_network_name=self._network.name,
            subnet_name=self._place.names.local("snet", role),
            address_prefix=prefix,
            delegations=[network.DelegationArgs(name="app", service_name=DELEGATION)],
            network_security_group=network.NetworkSecurityGroupArgs(id=group.id),
            opts=child(self, after=[after]),
        )

    def _zone(self, group: str, zone_name: str) -> tuple[privatedns.PrivateZone, privatedns.VirtualNetworkLink]:
        zone = privatedns.PrivateZone(
            f"network-dns-{group}",
            resource_group_name=self._place.resource_group,
            private_zone_name=zone_name,
            location="global",
            tags=self._place.tags,
            opts=child(self),
        )
        link = privatedns.VirtualNetworkLink(
            f"network-dns-{group}-link",
            resource_group_name=self._place.resource_group,
            private_zone_name=zone.name,
            virtual_network_link_name=self._place.names.local("link", group.lower()),
            virtual_network=privatedns.SubResourceArgs(id=self._network.id),
            registration_enabled=False,
            location="global",
            tags=self._place.tags,
            opts=child(self),
        )
        return zone, link


def _endpoint_rules() -> Iterator[network.SecurityRuleArgs]:
    """In to the endpoints come this network's clients, on the services' ports; nothing else."""
    yield network.SecurityRuleArgs(
        name="allow-clients",
        priority=100,
        direction="Inbound",
        access="Allow",
        protocol="Tcp",
        source_address_prefix="VirtualNetwork",
        source_port_range="*",
        destination_address_prefix="VirtualNetwork",
        destination_port_ranges=list(ENDPOINT_PORTS),
    )
    yield network.SecurityRuleArgs(
        name="deny-others",
        priority=4096,
        direction="Inbound",
        access="Deny",
        protocol="*",
        source_address_prefix="*",
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="*",
    )
