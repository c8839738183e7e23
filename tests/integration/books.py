"""What must be in every table after some deliveries, by plain bookkeeping: event after event, dicts and Decimal.

Written apart from the code under test, and with none of it: were both wrong, they would be wrong in different ways.
"""

import hashlib
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid5

from .events import Bad, Message

WINDOWS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 60, 1440))
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NAMESPACE: Final = UUID("5b8c5d8e-6a5a-5f0a-9f3c-0f6a5f2b7d11")

Key = tuple[Any, ...]


@dataclass(frozen=True)
class State:
    """The content of the archive and of every table, without surrogate keys and without times of insertion."""

    archive: dict[Key, dict[str, Any]]  # (event id, day) -> the row in Parquet
    ingested_events: dict[Key, Key]  # (event id, day) -> payload hash, day of enqueueing
    dynamic_metrics: list[Key]
    payment_metrics_5m: dict[Key, Key]  # count, sum, minimum, maximum
    aggregate_histograms: dict[Key, Key]  # count, sum, minimum, maximum, buckets, zeros, negative buckets
    failed_items: dict[Key, Key]  # position -> stage, code, field, body, event id, transaction id
    raw_event_files: dict[str, Key]  # path -> rows, times, position


@dataclass
class Books:
    """`deliver` in the order in which deliveries commit; `state` at any time."""

    events: dict[Key, dict[str, Any]] = field(default_factory=dict)
    failed: dict[Key, Key] = field(default_factory=dict)
    files: dict[str, Key] = field(default_factory=dict)

    def deliver(self, messages: list[Message], partition: str = "0", hub: str = "payments") -> None:
        new: dict[date, list[dict[str, Any]]] = {}
        for message in messages:
            position = (hub, partition, message.sequence_number, message.enqueued_at)
            if message.bad is not None:
                self._reject(position, message.bad, message.body)
                continue
            row = _read(message, partition)
            day = row["occurred_at"].date()
            known = self.events.setdefault((row["event_id"], day), row)
            if known is row:
                new.setdefault(day, []).append(row)
            elif known["event_payload"] != row["event_payload"]:
                bad = Bad("claim", "conflicting_duplicate", "event_id", row["event_id"], row["transaction_id"])
                self._reject(position, bad, message.body)
        for day, rows in new.items():
            times, numbers = ([row[name] for row in rows] for name in ("occurred_at", "sequence_number"))
            stamp = rows[0]["enqueued_at"].strftime("%Y%m%dT%H%M%S%fZ")
            path = f"raw_events/yyyy={day:%Y}/mm={day:%m}/dd={day:%d}/events_{stamp}_p{partition}-{numbers[0]}.parquet"
            self.files[path] = (len(rows), min(times), max(times), hub, partition, min(numbers), max(numbers))

    def _reject(self, position: Key, bad: Bad, body: bytes) -> None:
        self.failed.setdefault(position, (bad.stage, bad.code, bad.field, body, bad.event_id, bad.transaction_id))

    def state(self) -> State:
        metrics = [metric for row in self.events.values() for metric in _metrics(row)]
        return State(
            archive=dict(self.events),
            ingested_events={
                key: (_hash(row["event_payload"]), row["enqueued_at"].date()) for key, row in self.events.items()
            },
            dynamic_metrics=sorted(
                (row["transaction_id"], row["correlation_id"] or "", name, value, unit or "", row["occurred_at"])
                for row, name, value, unit in metrics
            ),
            payment_metrics_5m=self._payments(),
            aggregate_histograms=_histograms(metrics),
            failed_items=dict(self.failed),
            raw_event_files=dict(self.files),
        )

    def _payments(self) -> dict[Key, Key]:
        amounts: dict[Key, list[Decimal]] = {}
        for row in self.events.values():
            window = _window(row["occurred_at"], timedelta(minutes=5))
            key = (window, row["payment_method"], row["currency"], row["payment_status"])
            amounts.setdefault(key, []).append(row["amount"])
        return {key: (len(values), sum(values), min(values), max(values)) for key, values in amounts.items()}


def _read(message: Message, partition: str) -> dict[str, Any]:
    """The row of the archive for a message that must be taken."""
    outer = json.loads(message.body, parse_float=Decimal, parse_int=Decimal)
    event = outer["data"] | {"event_type": outer["type"], "occurred_at": outer["time"]} if "data" in outer else outer
    occurred_at = datetime.fromisoformat(event["occurred_at"]).astimezone(UTC)
    event_id = event.get("event_id")
    if "data" in outer:
        event_id = str(uuid5(NAMESPACE, f"{outer['source']}\0{event_id or outer['id']}"))
    elif event_id is None:
        micros = (occurred_at - EPOCH) // timedelta(microseconds=1)
        event_id = str(uuid5(NAMESPACE, f"{event['transaction_id']}\0{event['event_type']}\0{micros}"))
    texts = ("transaction_id", "event_type", "currency", "payment_method", "payment_status")
    return {
        "event_id": event_id,
        **{name: event[name] for name in texts},
        "occurred_at": occurred_at,
        "amount": Decimal(event["amount"]),
        **{name: event.get(name) for name in ("correlation_id", "merchant_id", "customer_id")},
        "event_payload": message.body.decode(),
        "partition_id": partition,
        "sequence_number": message.sequence_number,
        "enqueued_at": message.enqueued_at,
        "redactions": 0,
    }


def _hash(payload: str) -> int:
    return int.from_bytes(hashlib.sha256(payload.encode()).digest()[:8], "little", signed=True)


def _metrics(row: dict[str, Any]) -> list[tuple[dict[str, Any], str, Decimal, str | None]]:
    """Metric name, value and unit, as the default rules have them."""
    outer = json.loads(row["event_payload"], parse_float=Decimal, parse_int=Decimal)
    event = outer.get("data", outer)
    found = [(row, "amount", row["amount"], row["currency"])]
    for name, unit in (("fee_amount", row["currency"]), ("processing_time_ms", "ms"), ("risk_score", None)):
        if event.get(name) is not None:
            found.append((row, name, Decimal(event[name]), unit))
    return found


def _histograms(metrics: list[tuple[dict[str, Any], str, Decimal, str | None]]) -> dict[Key, Key]:
    grouped: dict[Key, list[Decimal]] = {}
    for row, name, value, _ in metrics:
        for length in WINDOWS:
            start = _window(row["occurred_at"], length)
            grouped.setdefault((name, row["event_type"], start, start + length), []).append(value)
    return {
        key: (
            len(values), sum(values), min(values), max(values),
            _packed([value for value in values if value > 0]),
            sum(value == 0 for value in values),
            _packed([-value for value in values if value < 0]),
        )
        for key, values in grouped.items()
    }  # fmt: skip


def _window(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - EPOCH) % length


def _packed(values: list[Decimal]) -> Decimal:
    """The sum of 10^(12 i) over the values, i being the value's bucket."""
    with localcontext(prec=8000):
        return sum((Decimal((0, (1,), 12 * bucket(value))) for value in values), Decimal(0))


@cache
def bucket(value: Decimal) -> int:
    """The i for which 2^i < value^8 <= 2^(i+1); in fractions, so that no logarithm decides about a border."""
    power = Fraction(value) ** 8
    i = math.floor(math.log2(power.numerator) - math.log2(power.denominator)) - 1
    while power > Fraction(2) ** (i + 1):
        i += 1
    return i
