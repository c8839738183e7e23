"""Event Hubs."""

from collections.abc import Iterator, Sequence
from typing import Final

from payments_policies.rules import Props, Resource, Rules, at, of_kind

RULES: Final = Rules()
_MOST_PARTITIONS: Final = 32
_MOST_HOURS: Final = 168


@RULES.about("eventhub:Namespace", "PSRule Azure.EventHub.MinTLS, Checkov CKV_AZURE_223")
def event_hubs_require_tls_1_2(props: Props) -> bool:
    """An Event Hubs namespace takes TLS 1.2 and newer only: set minimumTlsVersion to 1.2."""
    return at(props, "minimumTlsVersion") in {"1.2", "1.3"}


@RULES.about("eventhub:Namespace", "PSRule Azure.EventHub.DisableLocalAuth")
def event_hubs_have_no_keys(props: Props) -> bool:
    """An Event Hubs namespace takes Entra identities only: set disableLocalAuth to true."""
    return at(props, "disableLocalAuth") is True


@RULES.about("eventhub:Namespace", "PSRule Azure.EventHub.AvailabilityZone")
def event_hubs_outlive_a_zone(props: Props) -> bool:
    """An Event Hubs namespace is zone redundant, at no cost: set zoneRedundant to true."""
    return at(props, "zoneRedundant") is True


@RULES.about("eventhub:Namespace", "learn.microsoft.com/azure/event-hubs/event-hubs-auto-inflate")
def event_hubs_grow_before_they_throttle(props: Props) -> bool:
    """An Event Hubs namespace inflates by itself, up to a limit that is not below where it starts."""
    grows = at(props, "isAutoInflateEnabled") is True
    return grows and at(props, "maximumThroughputUnits", 0) >= at(props, "sku.capacity", 1)


@RULES.about("eventhub:NamespaceNetworkRuleSet", "PSRule Azure.EventHub.Firewall")
def event_hubs_deny_who_is_not_named(props: Props) -> bool:
    """The network rules of an Event Hubs namespace deny by default."""
    return at(props, "defaultAction") == "Deny"


@RULES.about("eventhub:EventHub", "learn.microsoft.com/azure/event-hubs/event-hubs-quotas")
def a_hub_fits_the_standard_tier(props: Props) -> bool:
    """A hub of the Standard tier has at most 32 partitions and keeps events for at most 168 hours."""
    hours = at(props, "retentionDescription.retentionTimeInHours", 0)
    return 1 <= at(props, "partitionCount", 0) <= _MOST_PARTITIONS and 1 <= hours <= _MOST_HOURS


@RULES.about("eventhub:EventHub", "learn.microsoft.com/azure/templates/microsoft.eventhub/namespaces/eventhubs")
def a_hub_says_its_retention_once(props: Props) -> bool:
    """A hub says its retention in retentionDescription, and not in messageRetentionInDays as well."""
    return at(props, "messageRetentionInDays") is None


@RULES.about("eventhub:ConsumerGroup", "learn.microsoft.com/azure/event-hubs/event-hubs-features#consumer-groups")
def no_consumer_uses_the_default_group(props: Props) -> bool:
    """Each consumer has a group of its own: a second reader of a group takes partitions away from the first."""
    return at(props, "consumerGroupName") != "$Default"


@RULES.about_the_stack("PSRule Azure.EventHub.Firewall")
def every_namespace_has_network_rules(resources: Sequence[Resource]) -> Iterator[str]:
    """An Event Hubs namespace without network rules is open to every network."""
    ruled = {at(rules.props, "namespaceName") for rules in of_kind(resources, "eventhub:NamespaceNetworkRuleSet")}
    for namespace in of_kind(resources, "eventhub:Namespace"):
        if at(namespace.props, "namespaceName") not in ruled:
            yield namespace.name
