"""The Event Hubs namespace, its one hub, and a consumer group for each consumer. Identities only, no keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import eventhub

from payments_infra.components.monitoring import Monitoring
from payments_infra.components.network import Network
from payments_infra.components.private_endpoint import PrivateEndpoint, PrivateEndpointArgs
from payments_infra.place import Place, child

HUB: Final = "payments"
# One for each consumer: a second reader of a group takes partitions away from the first. Nobody uses $Default.
INGEST_GROUP: Final = "ingest"
CONTAINER_HOST_GROUP: Final = "consume"  # `payments consume`, the same handler in a container


@dataclass(frozen=True)
class EventHubArgs:
    place: Place
    network: Network
    monitoring: Monitoring
    units: int
    max_units: int
    partitions: int
    retention_hours: int
    public_addresses: Sequence[str]
    protect: bool


class EventHub(pulumi.ComponentResource):
    """`ready` is what a consumer waits for."""

    def __init__(self, name: str, args: EventHubArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:EventHub", name, {}, opts)
        place = args.place
        access = "Enabled" if args.public_addresses else "Disabled"
        self.namespace = eventhub.Namespace(
            f"{name}-namespace",
            resource_group_name=place.resource_group,
            namespace_name=place.names.event_hubs_namespace,
            sku=eventhub.SkuArgs(name="Standard", tier="Standard", capacity=args.units),
            is_auto_inflate_enabled=True,
            maximum_throughput_units=args.max_units,
            zone_redundant=True,  # costs nothing more
            minimum_tls_version="1.2",
            disable_local_auth=True,
            kafka_enabled=False,
            public_network_access=access,
            tags=place.tags,
            opts=child(self, protect=args.protect),
        )
        eventhub.NamespaceNetworkRuleSet(
            f"{name}-network-rules",
            resource_group_name=place.resource_group,
            namespace_name=self.namespace.name,
            default_action="Deny",
            public_network_access=access,
            trusted_service_access_enabled=False,
            ip_rules=[eventhub.NWRuleSetIpRulesArgs(ip_mask=a, action="Allow") for a in args.public_addresses],
            opts=child(self),
        )
        self.hub = eventhub.EventHub(
            f"{name}-hub",
            resource_group_name=place.resource_group,
            namespace_name=self.namespace.name,
            event_hub_name=HUB,
            partition_count=args.partitions,
            retention_description=eventhub.RetentionDescriptionArgs(
                cleanup_policy="Delete", retention_time_in_hours=args.retention_hours
            ),
            opts=child(self, protect=args.protect),
        )
        groups = [
            eventhub.ConsumerGroup(
                f"{name}-{group}",
                resource_group_name=place.resource_group,
                namespace_name=self.namespace.name,
                event_hub_name=self.hub.name,
                consumer_group_name=group,
                opts=child(self),
            )
            for group in (INGEST_GROUP, CONTAINER_HOST_GROUP)
        ]
        endpoint = PrivateEndpoint(
            f"{name}-endpoint",
            PrivateEndpointArgs(place, args.network, "events", self.namespace.id, "namespace"),
            child(self),
        )
        args.monitoring.send(name, self.namespace.id, parent=self)
        self.ready: list[pulumi.Resource] = [*groups, endpoint.ready]
        self.host = pulumi.Output.concat(self.namespace.name, ".servicebus.windows.net")
        self.register_outputs({})
