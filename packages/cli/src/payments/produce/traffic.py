"""Traffic: the events of many transactions under way at once, each transaction's own events in order.

Memory is the open transactions and a few pools of values drawn beforehand; it does not grow with the number of events.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, Final, TypeVar

from msgspec import Raw

from payments.produce import world
from payments.produce.clock import rfc3339

T = TypeVar("T")

OPEN: Final = 2048
LATE_FROM_MS: Final = 3_600_000
LATE_TO_MS: Final = 6 * 86_400_000

# Shares of the shapes that real senders differ in.
ENVELOPED: Final = 0.06
WITHOUT_EVENT_ID: Final = 0.08
AMOUNT_AS_NUMBER: Final = 0.15
WITHOUT_CORRELATION: Final = 0.25
WITHOUT_CUSTOMER: Final = 0.20
WITHOUT_RISK: Final = 0.08

_POOL: Final = 4096  # a power of two, so that masked random bits index a pool
_MASK: Final = _POOL - 1


class _Transaction:
    __slots__ = ("age_ms", "currency", "fields", "last_ms", "merchant", "minor", "next_step", "steps")

    def __init__(self, fields: dict[str, Any], age_ms: int) -> None:
        self.fields = fields
        self.age_ms = age_ms
        self.last_ms = 0
        self.next_step = 0
        self.merchant: world.Merchant
        self.currency: world.Currency
        self.steps: tuple[world.Step, ...]
        self.minor: int


class Traffic:
    """`event(now_ms)` is the next event of some open transaction; a finished one makes room for a new one."""

    def __init__(self, random: Random, events: int) -> None:
        self._random = random
        self._merchants = world.merchants(random, 400)
        self._customers = [f"cus_{random.getrandbits(32):08x}" for _ in range(_POOL)]
        self._metadata = world.metadata(random, _POOL)
        self._delays = [min(60_000, int(random.expovariate(1 / 1_500))) for _ in range(_POOL)]
        self._durations = [max(1, round(random.lognormvariate(4.8, 0.7))) for _ in range(_POOL)]
        self._risks = [round(random.betavariate(1.3, 9), 4) for _ in range(_POOL)]
        self._currencies = _weighted(random, [(currency, currency.weight) for currency in world.CURRENCIES])
        self._methods = _weighted(random, world.PAYMENT_METHODS)
        self._life_cycles = _weighted(random, world.LIFE_CYCLES)
        # Few events need few open transactions, or hardly one would get past its first step.
        self._fresh: list[_Transaction | None] = [None] * max(1, min(OPEN, events // 16))
        self._late: list[_Transaction | None] = [None] * max(1, min(OPEN // 8, events // 256))

    def event(self, now_ms: int, *, late: bool) -> dict[str, Any]:
        """A late event belongs to a transaction that lies hours to days back, all of it."""
        random = self._random
        slots = self._late if late else self._fresh
        slot = int(random.random() * len(slots))
        transaction = slots[slot]
        if transaction is None:
            transaction = slots[slot] = self._open(late=late)
        event = self._step(transaction, now_ms)
        if transaction.next_step == len(transaction.steps):
            slots[slot] = None
        return event

    def _open(self, *, late: bool) -> _Transaction:
        random = self._random
        bits = random.getrandbits(60)
        currency = self._currencies[bits & _MASK]
        merchant = self._merchants[(bits >> 12) % len(self._merchants)]
        fields: dict[str, Any] = {"transaction_id": f"txn_{random.getrandbits(64):016x}"}
        if random.random() >= WITHOUT_CORRELATION:
            fields["correlation_id"] = _uuid(random.getrandbits(128))
        fields["merchant_id"] = merchant.merchant_id
        if random.random() >= WITHOUT_CUSTOMER:
            fields["customer_id"] = self._customers[(bits >> 24) & _MASK]
        fields["payment_method"] = self._methods[(bits >> 36) & _MASK]
        fields["currency"] = currency.code
        transaction = _Transaction(fields, random.randint(LATE_FROM_MS, LATE_TO_MS) if late else 0)
        transaction.currency = currency
        transaction.merchant = merchant
        transaction.steps = self._life_cycles[(bits >> 48) & _MASK]
        transaction.minor = max(1, int(currency.typical * random.lognormvariate(0.0, 0.9)))
        return transaction

    def _step(self, transaction: _Transaction, now_ms: int) -> dict[str, Any]:
        random = self._random
        bits = random.getrandbits(48)
        event_type, status, share = transaction.steps[transaction.next_step]
        transaction.next_step += 1
        occurred_ms = now_ms - transaction.age_ms - self._delays[bits & _MASK]
        # A later step is later in time, by a millisecond at least: ids derived from the time must differ.
        occurred_ms = transaction.last_ms = max(occurred_ms, transaction.last_ms + 1)
        minor = transaction.minor * share // 100
        decimals = transaction.currency.decimals
        amount = _decimal(minor, decimals)
        chance = random.random()
        event: dict[str, Any] = {
            "event_type": event_type,
            **transaction.fields,
            "occurred_at": rfc3339(occurred_ms, transaction.merchant.offset),
            "amount": Raw(amount.encode()) if chance < AMOUNT_AS_NUMBER else amount,
            "payment_status": status,
            "fee_amount": _decimal(abs(minor) * 14 // 1000, decimals),
            "processing_time_ms": self._durations[(bits >> 12) & _MASK],
            "metadata": self._metadata[(bits >> 24) & _MASK],
        }
        if random.random() >= WITHOUT_RISK:
            event["risk_score"] = self._risks[(bits >> 36) & _MASK]
        shape = random.random()
        if shape < ENVELOPED:
            return self._envelope(event, transaction.merchant)
        if shape < 1 - WITHOUT_EVENT_ID:
            event["event_id"] = _uuid(random.getrandbits(128))
        return event

    def _envelope(self, event: dict[str, Any], merchant: world.Merchant) -> dict[str, Any]:
        """CloudEvents 1.0, structured mode: type and time stand outside; the id is unique within its source only."""
        return {
            "specversion": "1.0",
            "id": f"evt-{self._random.getrandbits(64):016x}",
            "source": f"/merchants/{merchant.merchant_id}",
            "type": event.pop("event_type"),
            "time": event.pop("occurred_at"),
            "datacontenttype": "application/json",
            "data": event,
        }


def _weighted(random: Random, shares: Sequence[tuple[T, int]]) -> list[T]:
    values, weights = zip(*shares, strict=True)
    return random.choices(values, weights, k=_POOL)


def _uuid(bits: int) -> str:
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _decimal(minor: int, decimals: int) -> str:
    if decimals == 0:
        return str(minor)
    digits = f"{minor:0{decimals + 1 + (minor < 0)}d}"
    return f"{digits[:-decimals]}.{digits[-decimals:]}"
