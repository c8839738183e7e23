"""What is to be rebuilt, and what came of it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from payments_core.aggregates import EPOCH
from payments_storage.reconcile.span import Span, SpanError

PAYMENTS: Final = "payment_metrics_5m"
HISTOGRAMS: Final = "aggregate_histograms"
METRICS: Final = "dynamic_metrics"
TABLES: Final = (PAYMENTS, HISTOGRAMS, METRICS)


@dataclass(frozen=True, slots=True)
class RebuildTask:
    """Tables, and a span of whole UTC days that cuts no window of theirs."""

    span: Span
    tables: frozenset[str]
    windows: tuple[timedelta, ...]

    def __post_init__(self) -> None:
        for length in self.windows if HISTOGRAMS in self.tables else ():
            over = (self.span.start - EPOCH) % length, (self.span.end - EPOCH) % length
            if any(over):
                first = self.span.start - over[0]
                last = self.span.end + (length - over[1] if over[1] else timedelta())
                raise SpanError(
                    f"it cuts windows of {length}: take the days from {first:%Y-%m-%d} until before {last:%Y-%m-%d}"
                )

    @property
    def aggregates(self) -> list[str]:
        return [name for name in (PAYMENTS, HISTOGRAMS) if name in self.tables]


@dataclass(slots=True)
class RebuildReport:
    """`differences`: table -> how many rows; `named`: the first of them as (row, is, becomes)."""

    events: int = 0
    while_under_way: int = 0
    swapped: bool = False
    differences: dict[str, int] = field(default_factory=dict)
    named: dict[str, list[tuple[str, str | None, str | None]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "while_under_way": self.while_under_way,
            "swapped": self.swapped,
            "differences": self.differences,
            "named": self.named,
            "notes": self.notes,
        }
