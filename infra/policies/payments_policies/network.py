"""Networks, private endpoints and DNS."""

from collections.abc import Iterator, Sequence
from typing import Final

from payments_policies.rules import Props, Resource, Rules, at, of_kind

RULES: Final = Rules()
_SUBNET: Final = "network:Subnet"
_ANYBODY: Final = {"*", "Internet", "0.0.0.0/0", "Any"}
# resource kind -> the part of it that a private endpoint connects to
_PRIVATE: Final = {
    "storage:StorageAccount": "blob",
    "eventhub:Namespace": "namespace",
    "dbforpostgresql:Server": "postgresqlServer",
}


@RULES.about(_SUBNET, "PSRule Azure.VNET.UseNSGs")
def every_subnet_has_a_security_group(props: Props) -> bool:
    """A subnet has a network security group."""
    return bool(at(props, "networkSecurityGroup.id"))


@RULES.about("network:NetworkSecurityGroup", "PSRule Azure.NSG.AnyInboundSource")
def nobody_comes_in_from_anywhere(props: Props) -> bool:
    """No security rule lets anybody in from anywhere."""
    return not any(
        rule.get("access") == "Allow"
        and rule.get("direction") == "Inbound"
        and rule.get("sourceAddressPrefix") in _ANYBODY
        for rule in at(props, "securityRules", [])
    )


@RULES.about("network:PrivateEndpoint", "learn.microsoft.com/azure/private-link/private-endpoint-overview")
def an_endpoint_connects_to_one_part_of_one_service(props: Props) -> bool:
    """A private endpoint has one connection, to one part of one service."""
    connections = at(props, "privateLinkServiceConnections", [])
    return len(connections) == 1 and len(connections[0].get("groupIds", [])) == 1


@RULES.about("privatedns:VirtualNetworkLink", "learn.microsoft.com/azure/dns/private-dns-virtual-network-links")
def zones_of_endpoints_register_no_machines(props: Props) -> bool:
    """A zone of private endpoints does not register the network's machines."""
    return at(props, "registrationEnabled") is False and at(props, "location") == "global"


@RULES.about_the_stack("learn.microsoft.com/azure/private-link/private-endpoint-dns")
def every_endpoint_has_its_name(resources: Sequence[Resource]) -> Iterator[str]:
    """A private endpoint has a DNS zone group; without it the service's name leads to its public address."""
    named = {at(group.props, "privateEndpointName") for group in of_kind(resources, "network:PrivateDnsZoneGroup")}
    for endpoint in of_kind(resources, "network:PrivateEndpoint"):
        if at(endpoint.props, "privateEndpointName") not in named:
            yield endpoint.name


@RULES.about_the_stack("PSRule Azure.Storage.Firewall, Azure.EventHub.Firewall, Azure.PostgreSQL.AllowAzureAccess")
def everything_with_data_has_an_endpoint(resources: Sequence[Resource]) -> Iterator[str]:
    """Each storage account, Event Hubs namespace and PostgreSQL server is reached through a private endpoint."""
    groups = [
        group
        for endpoint in of_kind(resources, "network:PrivateEndpoint")
        for connection in at(endpoint.props, "privateLinkServiceConnections", [])
        for group in connection.get("groupIds", [])
    ]
    for kind, group in _PRIVATE.items():
        holders = of_kind(resources, kind)
        if len(holders) > groups.count(group):
            yield from (holder.name for holder in holders)


@RULES.about_the_stack("PSRule Azure.EventHub.Firewall, Azure.Storage.Firewall; learn.microsoft.com/azure/private-link")
def outside_dev_nothing_with_data_is_public(resources: Sequence[Resource]) -> Iterator[str]:
    """Public network access is off, but in dev, where it is for named addresses."""
    for kind in _PRIVATE:
        for holder in of_kind(resources, kind):
            access = at(holder.props, "publicNetworkAccess") or at(holder.props, "network.publicNetworkAccess")
            if access != "Disabled" and at(holder.props, "tags.environment") != "dev":
                yield holder.name


@RULES.about_the_stack("learn.microsoft.com/azure/azure-functions/flex-consumption-plan#virtual-network-integration")
def the_function_has_a_delegated_subnet_of_its_own(resources: Sequence[Resource]) -> Iterator[str]:
    """The Function's subnet is delegated to Microsoft.App/environments, and the jobs have another one."""
    delegated = [
        subnet
        for subnet in of_kind(resources, _SUBNET)
        for delegation in at(subnet.props, "delegations", [])
        if delegation.get("serviceName") == "Microsoft.App/environments"
    ]
    used = [at(app.props, "virtualNetworkSubnetId") for app in of_kind(resources, "web:WebApp")]
    used += [
        at(environment.props, "vnetConfiguration.infrastructureSubnetId")
        for environment in of_kind(resources, "app:ManagedEnvironment")
    ]
    if len(set(used)) != len(used) or len(delegated) < len(used):
        yield "the subnets of Function and jobs"
