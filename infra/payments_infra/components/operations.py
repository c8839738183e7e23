"""What tells an engineer: alerts with a runbook section each, whom they reach, a workbook, and the budget."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import applicationinsights, consumption, monitor

from payments_infra.alert_rules import LogAlertRule, MetricAlertRule, Target
from payments_infra.place import Place, child
from payments_infra.workbook import workbook

_WORKBOOKS: Final = uuid.UUID(
    "6f1f3f0c-6b43-4c55-9b5e-0a3c7f4d2e10"
)  # a namespace for names, which Azure wants as GUIDs


@dataclass(frozen=True)
class OperationsArgs:
    """`targets`: the resources whose platform metrics are watched. `amount` in the subscription's currency."""

    place: Place
    subscription: str
    resource_group_id: pulumi.Input[str]
    workspace_id: pulumi.Input[str]
    targets: Mapping[Target, pulumi.Input[str]]
    metric_alerts: Sequence[MetricAlertRule]
    log_alerts: Sequence[LogAlertRule]
    emails: Sequence[str]
    runbook_url: str
    amount: int
    budget_start: str


class Operations(pulumi.ComponentResource):
    def __init__(self, name: str, args: OperationsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:Operations", name, {}, opts)
        self._args = args
        self._on_call = monitor.ActionGroup(
            f"{name}-on-call",
            resource_group_name=args.place.resource_group,
            action_group_name=args.place.names.local("ag", "on-call"),
            group_short_name="payments",
            location="global",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(
                    name=f"on-call-{n}", email_address=address, use_common_alert_schema=True
                )
                for n, address in enumerate(args.emails)
            ],
            tags=args.place.tags,
            opts=child(self),
        )
        for metric_rule in args.metric_alerts:
            self._metric_alert(metric_rule)
        for log_rule in args.log_alerts:
            self._log_alert(log_rule)
        self._service_health()
        self._workbook(name)
        self._budget(name)
        self.register_outputs({})

    def _metric_alert(self, rule: MetricAlertRule) -> None:
        criterion = monitor.MetricCriteriaArgs(
            criterion_type="StaticThresholdCriterion",
            name=rule.name,
            metric_name=rule.metric,
            time_aggregation=rule.aggregation,
            operator=rule.operator,
            threshold=rule.threshold,
        )
        monitor.MetricAlert(
            f"alert-{rule.name}",
            resource_group_name=self._args.place.resource_group,
            rule_name=rule.name,
            location="global",
            description=self._describe(rule.title, rule.name),
            severity=rule.severity,
            enabled=True,
            auto_mitigate=True,
            scopes=[self._args.targets[rule.target]],
            evaluation_frequency=_minutes(rule.every_minutes),
            window_size=_minutes(rule.minutes),
            criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
                odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria", all_of=[criterion]
            ),
            actions=[monitor.MetricAlertActionArgs(action_group_id=self._on_call.id)],
            tags=self._args.place.tags,
            opts=child(self),
        )

    def _log_alert(self, rule: LogAlertRule) -> None:
        condition = monitor.ConditionArgs(
            query=rule.signal.figure,
            metric_measure_column="value",
            time_aggregation="Maximum",
            operator=rule.operator,
            threshold=rule.threshold,
            failing_periods=monitor.ConditionFailingPeriodsArgs(
                number_of_evaluation_periods=1, min_failing_periods_to_alert=1
            ),
        )
        monitor.ScheduledQueryRule(
            f"alert-{rule.name}",
            resource_group_name=self._args.place.resource_group,
            rule_name=rule.name,
            kind="LogAlert",
            display_name=rule.title,
            description=self._describe(rule.title, rule.name),
            severity=rule.severity,
            enabled=True,
            auto_mitigate=True,
            scopes=[self._args.workspace_id],
            evaluation_frequency=_minutes(rule.every_minutes),
            window_size=_minutes(rule.minutes),
            criteria=monitor.ScheduledQueryRuleCriteriaArgs(all_of=[condition]),
            actions=monitor.ActionsArgs(action_groups=[self._on_call.id]),
            tags=self._args.place.tags,
            opts=child(self),
        )

    def _service_health(self) -> None:
        """Azure's own outages in what this uses: the difference between a bug of ours and waiting."""
        monitor.ActivityLogAlert(
            "alert-azure-service-health",
            resource_group_name=self._args.place.resource_group,
            activity_log_alert_name="azure-service-health",
            location="global",
            description=self._describe("Azure reports an outage", "azure-service-health"),
            enabled=True,
            scopes=[f"/subscriptions/{self._args.subscription}"],
            condition=monitor.AlertRuleAllOfConditionArgs(
                all_of=[monitor.AlertRuleAnyOfOrLeafConditionArgs(field="category", equals="ServiceHealth")]
            ),
            actions=monitor.ActionListArgs(action_groups=[monitor.ActionGroupArgs(action_group_id=self._on_call.id)]),
            tags=self._args.place.tags,
            opts=child(self),
        )

    def _workbook(self, name: str) -> None:
        stack = self._args.place.names.stack
        applicationinsights.Workbook(
            f"{name}-workbook",
            resource_group_name=self._args.place.resource_group,
            resource_name_=str(uuid.uuid5(_WORKBOOKS, f"{self._args.subscription}/{stack}")),
            display_name=f"Payments ingest, {stack}",
            category="workbook",
            kind="shared",
            source_id=self._args.workspace_id,
            serialized_data=workbook(stack, self._args.runbook_url),
            tags=self._args.place.tags,
            opts=child(self),
        )

    def _budget(self, name: str) -> None:
        """What it costs, not what it may cost: Azure stops nothing."""
        consumption.Budget(
            f"{name}-budget",
            budget_name=self._args.place.names.local("budget"),
            scope=self._args.resource_group_id,
            category="Cost",
            amount=self._args.amount,
            time_grain="Monthly",
            time_period=consumption.BudgetTimePeriodArgs(start_date=f"{self._args.budget_start}T00:00:00Z"),
            notifications={
                kind.lower(): consumption.NotificationArgs(
                    enabled=True,
                    operator="GreaterThan",
                    threshold=100,
                    threshold_type=kind,
                    contact_emails=list(self._args.emails),
                )
                for kind in ("Actual", "Forecasted")
            },
            opts=child(self),
        )

    def _describe(self, title: str, anchor: str) -> str:
        return f"{title}. What to do: {self._args.runbook_url}#{anchor}"


def _minutes(minutes: int) -> str:
    """As ISO 8601 writes it, in the units that Azure's alerts accept."""
    if minutes % 1440 == 0:
        return f"P{minutes // 1440}D"
    if minutes % 60 == 0:
        return f"PT{minutes // 60}H"
    return f"PT{minutes}M"
