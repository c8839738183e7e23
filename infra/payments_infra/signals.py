"""What can be read from the logs: queries (KQL) over what the application writes. Alerts and the workbook share them.

A test holds the words that are looked for here to the log lines in the application's source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Signal:
    """`rows` gives TimeGenerated and `value`; `aggregate` makes one figure of a window's values."""

    title: str
    unit: str
    rows: str
    aggregate: str

    @property
    def figure(self) -> str:
        """One row with `value`, for an alert: also where nothing was logged."""
        return f"{self.rows}\n| summarize value = {self.aggregate}"

    @property
    def chart(self) -> str:
        return f"{self.rows}\n| summarize value = {self.aggregate} by bin(TimeGenerated, 5m)"


# The function's line for each batch, and a figure in it: "partition=3 sequence=10..19 delivered=10 ..."
_BATCH_LINE: Final = 'AppTraces\n| where Message startswith "partition=" and Message has "delivered="'
# Telemetry is sampled: a row stands for ItemCount of its kind.
_SUM: Final = "sum(value * ItemCount)"


def _field(name: str) -> str:
    return f'{_BATCH_LINE}\n| extend value = todouble(extract(@"\\b{name}=([0-9.]+)", 1, Message))'


def _lines(condition: str) -> str:
    return f"AppTraces\n| where {condition}\n| extend value = 1.0"


def signals() -> Mapping[str, Signal]:
    """By name."""
    return {
        "stored": Signal("Events stored", "events", _field("archived"), _SUM),
        "duplicates": Signal("Duplicates dropped", "events", _field("duplicates"), _SUM),
        "duration": Signal("Slowest batch", "ms", _field("ms"), "max(value)"),
        "lag": Signal("Age of the last event stored", "s", _field("lag_s"), "max(value)"),
        "quarantined": Signal("Events quarantined", "events", _field("failed"), _SUM),
        "dead-lettered": Signal("Events in dead-lettered batches", "events", _field("dead_lettered"), _SUM),
        "parked": Signal("Events parked for their many keys", "events", _field("parked"), _SUM),
        "deferred": Signal("Events whose file waits for Blob Storage", "events", _field("deferred"), _SUM),
        "redacted": Signal("Events with card data masked", "events", _field("redacted"), _SUM),
        "retries": Signal(
            "Attempts after the first", "attempts", _lines('Message contains ", attempt "'), "sum(ItemCount)"
        ),
        "set-aside": Signal(
            "Dead letters set aside", "dead letters", _lines('Message startswith "set aside: "'), "sum(ItemCount)"
        ),
        "failures": Signal(
            "Failed invocations of ingest",
            "invocations",
            'AppRequests\n| where Name == "ingest" and Success == false\n| extend value = 1.0',
            "sum(ItemCount)",
        ),
        "differences": Signal(
            "Differences that reconcile found",
            "differences",
            'AppTraces\n| where Message has "differences="\n'
            '| extend value = todouble(extract(@"\\bdifferences=([0-9]+)", 1, Message))',
            "max(value)",
        ),
        "maintained": Signal(
            "Runs of maintain_partitions that succeeded",
            "runs",
            'AppRequests\n| where Name == "maintain_partitions" and Success == true\n| extend value = 1.0',
            "count()",
        ),
        "stopped": Signal(
            "Events arrive and none is stored",
            "yes or no",
            # Incoming messages of the namespace in minutes for which no batch was logged at all.
            'AzureMetrics\n| where MetricName == "IncomingMessages" and Total > 0\n'
            f"| extend batches = toscalar({_one_line(_BATCH_LINE)} | where TimeGenerated > ago(15m) | count)\n"
            "| extend value = iff(batches == 0, 1.0, 0.0)",
            "max(value)",
        ),
    }


def _one_line(query: str) -> str:
    return " ".join(query.split("\n"))
