"""What is asked of the archive: a range of `occurred_at` and conditions on the columns, all of which must hold."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from operator import and_, or_

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.event import AMOUNT, TIMESTAMP


class WantedError(ValueError):
    """No question that has an answer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """From `start` until before `end`, with any offset; None is open. Amounts are inclusive, ids exact."""

    start: datetime | None = None
    end: datetime | None = None
    transaction_id: str | None = None
    event_id: str | None = None
    correlation_id: str | None = None
    merchant_id: str | None = None
    payment_status: str | None = None
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None

    def __post_init__(self) -> None:
        for moment in (self.start, self.end):
            if moment is not None and moment.tzinfo is None:
                raise WantedError(f"{moment.isoformat()} has no offset")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise WantedError(f"the range ends ({self.end.isoformat()}) before it begins ({self.start.isoformat()})")
        if self.min_amount is not None and self.max_amount is not None and self.min_amount > self.max_amount:
            raise WantedError(f"no amount is at least {self.min_amount} and at most {self.max_amount}")

    @property
    def by_identity(self) -> bool:
        """Asks for so few events that most places have none."""
        return any(value is not None for value in (self.transaction_id, self.event_id, self.correlation_id))

    def equalities(self) -> dict[str, str]:
        """Column -> the only value wanted."""
        names = ("transaction_id", "event_id", "correlation_id", "merchant_id", "payment_status")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def columns(self) -> set[str]:
        """Those that `condition` looks at."""
        times = {"occurred_at"} if self.start is not None or self.end is not None else set()
        amounts = {"amount"} if self.min_amount is not None or self.max_amount is not None else set()
        return {*self.equalities(), *times, *amounts}

    def condition(self) -> pc.Expression | None:
        """None where everything is wanted."""
        time, amount = pc.field("occurred_at"), pc.field("amount")
        conditions = [pc.field(name) == value for name, value in self.equalities().items()]
        if self.start is not None:
            conditions.append(time >= pa.scalar(self.start, TIMESTAMP))
        if self.end is not None:
            conditions.append(time < pa.scalar(self.end, TIMESTAMP))
        if self.min_amount is not None:
            conditions.append(amount >= pa.scalar(self.min_amount, AMOUNT))
        if self.max_amount is not None:
            conditions.append(amount <= pa.scalar(self.max_amount, AMOUNT))
        return reduce(and_, conditions) if conditions else None

    def outside(self) -> pc.Expression | None:
        """What occurred at no wanted time; None where no time is asked for."""
        time = pc.field("occurred_at")
        conditions = []
        if self.start is not None:
            conditions.append(time < pa.scalar(self.start, TIMESTAMP))
        if self.end is not None:
            conditions.append(time >= pa.scalar(self.end, TIMESTAMP))
        return reduce(or_, conditions) if conditions else None

    def touches(self, first: date, last: date) -> bool:
        """Whether the range has a moment of these UTC days."""
        start = date.min if self.start is None else self.start.astimezone(UTC).date()
        midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
        return start <= last and (self.end is None or midnight < self.end)
