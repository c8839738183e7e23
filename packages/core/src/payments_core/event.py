"""The shapes of the core: where a batch came from, a normalized transaction, and a rejection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Self

import pyarrow as pa

from payments_core.errors import ErrorCode, Stage

AMOUNT: Final = pa.decimal128(38, 9)
TIMESTAMP: Final = pa.timestamp("us", "UTC")

EVENT_SCHEMA: Final = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("transaction_id", pa.string(), nullable=False),
        pa.field("event_type", pa.string(), nullable=False),
        pa.field("occurred_at", TIMESTAMP, nullable=False),
        pa.field("amount", AMOUNT, nullable=False),
        pa.field("currency", pa.string(), nullable=False),
        pa.field("payment_method", pa.string(), nullable=False),
        pa.field("payment_status", pa.string(), nullable=False),
        pa.field("correlation_id", pa.string()),
        pa.field("merchant_id", pa.string()),
        pa.field("customer_id", pa.string()),
        pa.field("event_payload", pa.string(), nullable=False),
        pa.field("partition_id", pa.string(), nullable=False),
        pa.field("sequence_number", pa.int64(), nullable=False),
        pa.field("enqueued_at", TIMESTAMP, nullable=False),
        pa.field("redactions", pa.int32(), nullable=False),
    ]
)
"""One row an event, as the archive keeps it. UUIDs are canonical text, so that any Parquet reader shows them.
`redactions` is how many finds of card data were masked in `event_payload` (`guard`)."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One batch of one partition, as it was delivered.

    `bodies`, `sequence_numbers` and `enqueued_at` (aware, UTC) run in step, in partition order. `redactions` says
    how many finds of card data were masked in a body, by its index (`guard.redact`).
    """

    event_hub: str
    partition_id: str
    bodies: list[bytes]
    sequence_numbers: list[int]
    enqueued_at: list[datetime]
    redactions: Mapping[int, int] = field(default_factory=dict)

    def part(self, indexes: Sequence[int]) -> Self:
        """The bodies at these places, which must be sorted, as a delivery of their own."""
        return replace(
            self,
            bodies=[self.bodies[index] for index in indexes],
            sequence_numbers=[self.sequence_numbers[index] for index in indexes],
            enqueued_at=[self.enqueued_at[index] for index in indexes],
            redactions={
                place: self.redactions[index] for place, index in enumerate(indexes) if index in self.redactions
            },
        )


@dataclass(frozen=True, slots=True)
class Transaction:
    """One valid event, normalized. `metrics` holds the values of the metric rules whose field is present."""

    event_id: str
    transaction_id: str
    event_type: str
    occurred_at: datetime
    amount: Decimal
    currency: str
    payment_method: str
    payment_status: str
    correlation_id: str | None = None
    merchant_id: str | None = None
    customer_id: str | None = None
    metrics: dict[str, Decimal] = field(default_factory=dict)
    unusable_metrics: int = 0


@dataclass(frozen=True, slots=True)
class Rejection:
    """One event that cannot be taken. `index` is its place in the delivery; the exact bytes are found there."""

    index: int
    stage: Stage
    code: ErrorCode
    message: str
    field: str | None = None
    event_id: str | None = None
    transaction_id: str | None = None
