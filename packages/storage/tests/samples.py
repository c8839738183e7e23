"""Archived events to write: plausible ones, with what a test is about named by the test."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from payments_storage.raw_event import RawEvent

NOON: Final = datetime(2026, 3, 14, 12, tzinfo=UTC)


def raw_event(number: int = 0, **changes: Any) -> RawEvent:
    """Event `number` of partition 7: one every millisecond from noon on."""
    fields: dict[str, Any] = {
        "event_id": str(UUID(int=number + 1)),
        "transaction_id": f"txn-{number}",
        "event_type": "payment.captured",
        "occurred_at": NOON + timedelta(milliseconds=number),
        "amount": Decimal("12.50"),
        "currency": "EUR",
        "payment_method": "card",
        "payment_status": "captured",
        "correlation_id": None,
        "merchant_id": None,
        "customer_id": None,
        "event_payload": '{"amount": "12.50"}',
        "partition_id": "7",
        "sequence_number": 100 + number,
        "enqueued_at": NOON + timedelta(seconds=1, milliseconds=number),
    }
    return RawEvent(**fields | changes)


def raw_events(count: int, **changes: Any) -> list[RawEvent]:
    return [raw_event(number, **changes) for number in range(count)]
