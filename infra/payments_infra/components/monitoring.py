"""Where logs and figures go: a Log Analytics workspace, and Application Insights on top of it. Entra logins only."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import applicationinsights, monitor, operationalinsights

from payments_infra.place import Place, child


@dataclass(frozen=True)
class MonitoringArgs:
    place: Place
    retention_days: int
    daily_quota_gb: int


class Monitoring(pulumi.ComponentResource):
    """`send` gives another resource its diagnostic setting."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:Monitoring", name, {}, opts)
        place = args.place
        self.workspace = operationalinsights.Workspace(
            f"{name}-workspace",
            resource_group_name=place.resource_group,
            workspace_name=place.names.local("log"),
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
            retention_in_days=args.retention_days,
            workspace_capping=operationalinsights.WorkspaceCappingArgs(daily_quota_gb=args.daily_quota_gb),
            features=operationalinsights.WorkspaceFeaturesArgs(disable_local_auth=True),
            tags=place.tags,
            opts=child(self),
        )
        self.insights = applicationinsights.Component(
            f"{name}-insights",
            resource_group_name=place.resource_group,
            resource_name_=place.names.local("appi"),
            kind="web",
            application_type="web",
            ingestion_mode="LogAnalytics",
            workspace_resource_id=self.workspace.id,
            disable_local_auth=True,
            tags=place.tags,
            opts=child(self),
        )
        self.register_outputs({})

    def send(
        self,
        name: str,
        resource_id: pulumi.Input[str],
        *,
        parent: pulumi.Resource,
        categories: Sequence[str] = (),
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """The resource's logs (without categories: all of them) and metrics to the workspace."""
        logs = [monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in categories]
        monitor.DiagnosticSetting(
            f"{name}-diagnostics",
            resource_uri=resource_id,
            name="to-workspace",
            workspace_id=self.workspace.id,
            log_analytics_destination_type="Dedicated",
            logs=logs or [monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)],
            metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)],
            opts=child(parent, after=after),
        )
