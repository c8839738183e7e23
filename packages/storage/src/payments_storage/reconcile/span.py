"""The span of `occurred_at` that a run looks at: half-open, in UTC, cut at midnight because the tables are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Self

from payments_core.aggregates import EPOCH, FIVE_MINUTES

_DAY: Final = timedelta(days=1)


class SpanError(ValueError):
    """No span of time that can be reconciled."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` until before `end`, both aware and at whole five minutes: payment_metrics_5m is no finer."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for moment in (self.start, self.end):
            if moment.tzinfo is None or (moment - EPOCH) % FIVE_MINUTES:
                raise SpanError(f"{moment.isoformat()} is not a multiple of five minutes in UTC")
        if self.start >= self.end:
            raise SpanError(f"the span ends ({self.end.isoformat()}) before it begins ({self.start.isoformat()})")

    @classmethod
    def of_day(cls, day: date) -> Self:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return cls(start, start + _DAY)

    @property
    def day(self) -> date:
        """The UTC day on which the span begins."""
        return self.start.astimezone(UTC).date()

    @property
    def whole_day(self) -> bool:
        return self == Span.of_day(self.day)

    def parts(self) -> Iterator["Span"]:
        """The span, one UTC day or part of a day after the other."""
        start = self.start.astimezone(UTC)
        while start < self.end:
            end = min(Span.of_day(start.date()).end, self.end)
            yield Span(start, end)
            start = end

    def __str__(self) -> str:
        return str(self.day) if self.whole_day else f"{_text(self.start)}/{_text(self.end)}"


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
