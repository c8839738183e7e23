"""Events as a sender writes them, and the messages that an Event Hub makes of them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

# The real day: partitions exist for it and for the days around it.
TODAY: Final = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
NOON: Final = TODAY + timedelta(hours=12)
DAY: Final = timedelta(days=1)
MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Bad:
    """Why a message must be rejected: what `failed_items` has to say about it."""

    stage: str
    code: str
    field: str | None = None
    event_id: str | None = None
    transaction_id: str | None = None


@dataclass(frozen=True)
class Message:
    """One event in a partition. `bad` is None where the event must be taken."""

    body: bytes
    sequence_number: int
    enqueued_at: datetime
    bad: Bad | None = None


NOT_JSON: Final = Bad("decode", "not_json")


def rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def event(number: int, **changes: Any) -> dict[str, Any]:
    """Event `number`, one a second from noon on; a value of None leaves the field out."""
    fields = {
        "event_id": str(UUID(int=0xA0000000 + number)),
        "transaction_id": f"txn-{number:05}",
        "event_type": "payment.captured",
        "occurred_at": rfc3339(NOON + timedelta(seconds=number)),
        "amount": "10.00",
        "currency": "EUR",
        "payment_method": "card",
        "payment_status": "captured",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def body(number: int, **changes: Any) -> bytes:
    return json.dumps(event(number, **changes)).encode()


def bodies(numbers: Iterable[int], **changes: Any) -> list[bytes]:
    return [body(number, **changes) for number in numbers]


def messages(
    contents: Iterable[bytes | tuple[bytes, Bad]], first: int = 0, enqueued_at: datetime = NOON + timedelta(hours=1)
) -> list[Message]:
    """Consecutive messages of one partition: number `first` arrived `first` milliseconds after `enqueued_at`."""
    made = []
    for number, content in enumerate(contents, start=first):
        text, bad = content if isinstance(content, tuple) else (content, None)
        made.append(Message(text, number, enqueued_at + number * MS, bad))
    return made
