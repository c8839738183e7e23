"""The alerts, as data: what fires, when, how bad. Each has a section of its name in docs/runbook.md.

Severity: 0 payments are not being stored, 1 soon or wrongly, 2 look today, 3 look this week.
"""

from dataclasses import dataclass
from typing import Final

from payments_infra.settings import Settings
from payments_infra.signals import Signal, signals

Target = str  # "event-hub", "postgres", "archive": the resource whose platform metric it is


@dataclass(frozen=True)
class MetricAlertRule:
    """A platform metric. `aggregation` over `minutes`, compared by `operator` with `threshold`."""

    name: str
    severity: int
    title: str
    target: Target
    metric: str
    aggregation: str
    operator: str
    threshold: float
    minutes: int
    every_minutes: int = 5


@dataclass(frozen=True)
class LogAlertRule:
    """A signal from the logs: fires when its value is `operator` `threshold` over `minutes`."""

    name: str
    severity: int
    title: str
    signal: Signal
    operator: str
    threshold: float
    minutes: int
    every_minutes: int = 5


_DAY: Final = 1440


def metric_alerts(s: Settings) -> list[MetricAlertRule]:
    # 80 percent of what the size takes; PgBouncer keeps it far below.
    many_connections = 0.8 * s.postgres_user_connections
    more, fewer = "GreaterThan", "LessThan"
    hub, database, archive = "event-hub", "postgres", "archive"
    return [
        MetricAlertRule(
            "no-events", 2, "No event for a while", hub, "IncomingMessages", "Total", fewer, 1, s.silence_minutes
        ),
        MetricAlertRule(
            "event-hub-throttled", 1, "Event Hubs turns events away", hub, "ThrottledRequests", "Total", more, 0, 5
        ),
        MetricAlertRule(
            "event-hub-errors", 2, "Event Hubs has errors of its own", hub, "ServerErrors", "Total", more, 10, 15
        ),
        MetricAlertRule(
            "postgres-down", 0, "PostgreSQL does not answer", database, "is_db_alive", "Maximum", fewer, 1, 5, 1
        ),
        MetricAlertRule("postgres-cpu", 2, "PostgreSQL is busy", database, "cpu_percent", "Average", more, 85, 30),
        MetricAlertRule(
            "postgres-storage", 1, "PostgreSQL's disk fills up", database, "storage_percent", "Average", more, 80, 15
        ),
        MetricAlertRule(
            "postgres-connections",
            2,
            "PostgreSQL runs out of connections",
            database,
            "active_connections",
            "Maximum",
            more,
            many_connections,
            15,
        ),
        MetricAlertRule(
            "postgres-transaction-ids",
            1,
            "PostgreSQL's transaction ids run out",
            database,
            "maximum_used_transactionIDs",
            "Maximum",
            more,
            1_000_000_000,
            60,
            15,
        ),
        MetricAlertRule(
            "archive-unavailable", 1, "The archive refuses requests", archive, "Availability", "Average", fewer, 99, 15
        ),
    ]


def log_alerts(s: Settings) -> list[LogAlertRule]:
    of = signals()
    more, fewer = "GreaterThan", "LessThan"
    return [
        LogAlertRule("ingest-stopped", 0, "Events arrive, none is stored", of["stopped"], more, 0, 15),
        LogAlertRule("consumer-lag", 1, "Events are stored late", of["lag"], more, s.lag_seconds, 15),
        LogAlertRule("retries", 2, "Batches are tried again and again", of["retries"], more, 20, 15),
        LogAlertRule("invocations-failed", 1, "The ingest function fails", of["failures"], more, 5, 15),
        LogAlertRule("dead-letters", 1, "Whole batches wait in Blob Storage", of["dead-lettered"], more, 0, 15),
        LogAlertRule("events-parked", 2, "Somebody sends very many keys", of["parked"], more, 10_000, 60, 15),
        LogAlertRule("archive-deferred", 2, "Files wait for Blob Storage", of["deferred"], more, 0, 15),
        LogAlertRule("failed-items", 2, "Events are quarantined", of["quarantined"], more, 100, 60, 15),
        LogAlertRule("redrive-set-aside", 2, "A dead letter will not come back", of["set-aside"], more, 0, 60, 15),
        LogAlertRule("reconcile-difference", 1, "Archive and tables differ", of["differences"], more, 0, 60, 15),
        LogAlertRule("partitions-not-made", 1, "Partitions were not made", of["maintained"], fewer, 1, _DAY, 60),
    ]
