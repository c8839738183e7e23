"""Random partitions of an Event Hub: good, late, repeated, conflicting and malformed events in many shapes."""

import json
from datetime import timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any, Final
from uuid import UUID

from .events import NOON, Bad, Message, event, rfc3339

TYPES: Final = ("payment.authorized", "payment.captured", "payment.refunded")
METHODS: Final = ("card", "sepa", "wallet", "paypal")
STATUSES: Final = ("pending", "captured", "failed")
CURRENCIES: Final = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
OFFSETS: Final = ("+00:00", "+05:30", "-08:00")


class Traffic:
    """Draws `count` messages for each partition. A repeat is of an event that was drawn before, mostly in its own."""

    def __init__(self, seed: int, partitions: int, count: int) -> None:
        self._random = Random(seed)  # noqa: S311 - the same in every run
        self._number = 0
        self.partitions: dict[str, list[Message]] = {str(n): [] for n in range(partitions)}
        self._originals: dict[str, list[dict[str, Any]]] = {name: [] for name in self.partitions}
        for sequence_number in range(count):
            for name, log in self.partitions.items():
                text, bad = self._content(name)
                enqueued_at = NOON + timedelta(hours=1, milliseconds=sequence_number * 7, microseconds=int(name))
                log.append(Message(text, sequence_number, enqueued_at, bad))

    def _content(self, partition: str) -> tuple[bytes, Bad | None]:
        chance = self._random.random()
        originals = self._originals[partition]
        if chance < 0.06:
            return self._malformed()
        if chance < 0.14 and originals:
            return self._written(self._random.choice(originals)), None
        if chance < 0.17:
            elsewhere = self._originals[self._random.choice(list(self.partitions))]
            if elsewhere:
                return self._written(self._random.choice(elsewhere)), None
        if chance < 0.21 and originals:
            changed = {**self._random.choice(originals), "note": f"changed {self._random.random()}"}
            return self._written(changed), None  # a conflict: the books find out by themselves
        made = self._event()
        originals.append(made)
        return self._written(made), None

    def _event(self) -> dict[str, Any]:
        random = self._random
        self._number += 1
        currency = random.choice(list(CURRENCIES))
        exact = Decimal(random.randint(-(10**5), 10**7)).scaleb(-CURRENCIES[currency])
        amount = random.choice([str(exact), str(exact), f"{exact:E}", float(exact)])
        moment = NOON + timedelta(seconds=random.randint(-900, 900), microseconds=random.randint(0, 999_999))
        if random.random() < 0.1:
            moment -= timedelta(hours=random.randint(1, 140))
        offset = random.choice(OFFSETS)
        zone = timezone(timedelta(hours=int(offset[:3]), minutes=int(offset[0] + offset[4:])))
        changes = {
            "event_id": str(UUID(int=random.getrandbits(128), version=4)) if random.random() < 0.8 else None,
            "event_type": random.choice(TYPES),
            "occurred_at": moment.astimezone(zone).isoformat(),
            "amount": amount,
            "currency": currency,
            "payment_method": random.choice(METHODS),
            "payment_status": random.choice(STATUSES),
            "correlation_id": str(UUID(int=random.getrandbits(128))) if random.random() < 0.5 else None,
            "fee_amount": f"{random.randint(0, 999)}.{random.randint(0, 99):02}" if random.random() < 0.7 else None,
            "processing_time_ms": round(random.lognormvariate(4, 2)) if random.random() < 0.9 else None,
            "risk_score": round(random.uniform(-1, 1), random.randint(0, 9)) if random.random() < 0.5 else None,
            "merchant_id": f"merchant-{random.randint(1, 9)}",
            "note": random.choice(["", "Zoë", "支払い", 'a\\b"c']),
        }
        return event(self._number, **changes)

    def _written(self, made: dict[str, Any]) -> bytes:
        """The same bytes for the same event, plain or in an envelope."""
        if self._number_of(made) % 7 or "event_id" in made:
            return json.dumps(made, ensure_ascii=False).encode()
        data = {name: value for name, value in made.items() if name not in ("event_type", "occurred_at")}
        envelope = {
            "specversion": "1.0",
            "id": f"evt-{made['transaction_id']}",
            "source": "/shops/1",
            "type": made["event_type"],
            "time": made["occurred_at"],
            "data": data,
        }
        return json.dumps(envelope).encode()

    def _malformed(self) -> tuple[bytes, Bad]:
        made = self._event()
        text = json.dumps(made).encode()
        ids = (made.get("event_id"), made["transaction_id"])
        bare = {name: value for name, value in made.items() if name != "event_id"}
        kinds = [
            (text[:-20], Bad("decode", "not_json")),
            (b"\xff" + text, Bad("decode", "not_utf8")),
            (b"", Bad("decode", "empty_body")),
            (b"[" + text + b"]", Bad("decode", "not_an_object")),
            (json.dumps({**made, "amount": "0.0001"}).encode(), Bad("validate", "amount_too_fine", "amount", *ids)),
            (json.dumps({**made, "currency": "EURO"}).encode(), Bad("validate", "currency_unknown", "currency", *ids)),
            (
                json.dumps({**bare, "event_id": "17"}).encode(),
                Bad("validate", "event_id_without_source", "event_id", None, ids[1]),
            ),
            (
                json.dumps({**made, "occurred_at": rfc3339(NOON)[:-1]}).encode(),
                Bad("validate", "timestamp_without_offset", "occurred_at", *ids),
            ),
        ]
        return self._random.choice(kinds)

    @staticmethod
    def _number_of(made: dict[str, Any]) -> int:
        return int(made["transaction_id"].removeprefix("txn-"))
