"""Logs, alerts and tags."""

from collections.abc import Iterator, Sequence
from typing import Final

from payments_policies.rules import Props, Resource, Rules, at, of_kind

RULES: Final = Rules()
_WATCHED: Final = {
    "eventhub:Namespace": "eventhub:Namespace/",
    "dbforpostgresql:Server": "dbforpostgresql:Server/",
    "storage:StorageAccount": "/blobServices/default",
    "containerregistry:Registry": "containerregistry:Registry/",
}
_TAGGED: Final = (
    "resources:ResourceGroup", "eventhub:Namespace", "storage:StorageAccount", "dbforpostgresql:Server", "web:WebApp",
    "network:VirtualNetwork", "operationalinsights:Workspace", "containerregistry:Registry", "app:Job",
)  # fmt: skip


@RULES.about(
    "operationalinsights:Workspace",
    "learn.microsoft.com/azure/azure-monitor/logs/azure-ad-authentication-logs",
)
def logs_are_sent_by_identities(props: Props) -> bool:
    """A workspace takes Entra identities only: set features.disableLocalAuth to true."""
    return at(props, "features.disableLocalAuth") is True


@RULES.about("operationalinsights:Workspace", "learn.microsoft.com/azure/azure-monitor/logs/daily-cap")
def logs_cannot_cost_without_end(props: Props) -> bool:
    """A workspace has a daily quota, and keeps logs for at least 30 days."""
    return at(props, "workspaceCapping.dailyQuotaGb", -1) > 0 and at(props, "retentionInDays", 0) >= 30  # noqa: PLR2004


@RULES.about(
    "applicationinsights:Component",
    "PSRule Azure.AppInsights.Workspace; learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication",
)
def insights_are_in_the_workspace(props: Props) -> bool:
    """Application Insights keeps its data in a workspace, and takes Entra identities only."""
    return bool(at(props, "workspaceResourceId")) and at(props, "disableLocalAuth") is True


@RULES.about("monitor:MetricAlert", "PSRule Azure.Alert.MetricAutoMitigate")
def metric_alerts_end_by_themselves(props: Props) -> bool:
    """A metric alert resolves itself when the cause is gone: set autoMitigate to true."""
    return at(props, "autoMitigate") is True


@RULES.about("monitor:MetricAlert", "learn.microsoft.com/azure/azure-monitor/alerts/best-practices-alerts")
def metric_alerts_reach_somebody_who_knows_what_to_do(props: Props) -> bool:
    """An alert has an action group, and a description that links to the runbook."""
    return bool(at(props, "actions")) and "runbook.md#" in at(props, "description", "")


@RULES.about("monitor:ScheduledQueryRule", "learn.microsoft.com/azure/azure-monitor/alerts/best-practices-alerts")
def log_alerts_reach_somebody_who_knows_what_to_do(props: Props) -> bool:
    """An alert has an action group, and a description that links to the runbook."""
    return bool(at(props, "actions.actionGroups")) and "runbook.md#" in at(props, "description", "")


@RULES.about("monitor:ActionGroup", "learn.microsoft.com/azure/azure-monitor/alerts/action-groups")
def somebody_is_on_call(props: Props) -> bool:
    """An action group is enabled and names somebody."""
    return at(props, "enabled") is True and bool(at(props, "emailReceivers"))


@RULES.about("monitor:DiagnosticSetting", "learn.microsoft.com/azure/azure-monitor/essentials/diagnostic-settings")
def diagnostics_have_both_logs_and_metrics(props: Props) -> bool:
    """A diagnostic setting sends logs and metrics to the workspace."""
    kinds = [at(props, "logs", []), at(props, "metrics", [])]
    return bool(at(props, "workspaceId")) and all(any(entry.get("enabled") for entry in kind) for kind in kinds)


@RULES.about_the_stack("learn.microsoft.com/azure/azure-monitor/essentials/diagnostic-settings")
def everything_with_data_is_watched(resources: Sequence[Resource]) -> Iterator[str]:
    """Each storage account, namespace, server and registry has a diagnostic setting."""
    watched = [at(setting.props, "resourceUri", "") for setting in of_kind(resources, "monitor:DiagnosticSetting")]
    for kind, part in _WATCHED.items():
        holders = of_kind(resources, kind)
        if len(holders) > sum(part in uri for uri in watched):
            yield from (holder.name for holder in holders)


@RULES.about_the_stack("PSRule Azure.Resource.UseTags")
def everything_says_whose_it_is(resources: Sequence[Resource]) -> Iterator[str]:
    """Resources carry the tags workload, environment, owner and managed-by."""
    wanted = {"workload", "environment", "owner", "managed-by"}
    for kind in _TAGGED:
        for resource in of_kind(resources, kind):
            if not wanted <= at(resource.props, "tags", {}).keys():
                yield resource.name


@RULES.about_the_stack("learn.microsoft.com/azure/cost-management-billing/costs/tutorial-acm-create-budgets")
def costs_have_a_budget(resources: Sequence[Resource]) -> Iterator[str]:
    """A stack has a budget that tells somebody."""
    if not any(at(budget.props, "notifications") for budget in of_kind(resources, "consumption:Budget")):
        yield "the stack"
