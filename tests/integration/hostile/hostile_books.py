"""What must be stored of hostile bodies: `normalize` says what each one is, plain bookkeeping does the rest.

Ordinary bodies are held against `Books`, which has none of the code under test.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from payments_core.event import EVENT_SCHEMA, Rejection
from payments_core.guard import redact
from payments_core.normalize import normalize
from payments_core.rules import load_rules

from ..books import WINDOWS, Books, Key, State, _hash, _window, bucket  # noqa: TID252 - test modules have no importable root
from ..events import Bad, Message  # noqa: TID252

CORPUS: Final = Path(__file__).parent / "corpus"
ENQUEUED: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
_EXACT: Final = Context(prec=10_000)  # digits: the widest histogram has 8,640
RULES: Final = load_rules((files("payments_core") / "metrics.toml").read_text(encoding="utf-8"))


def corpus() -> dict[str, bytes]:
    """Verdict and name -> body."""
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in sorted(CORPUS.glob("*/*"))}


def arrived(bodies: list[bytes], first: int = 0) -> list[Message]:
    """Consecutive messages of one partition, all enqueued at ENQUEUED."""
    return [Message(text, number, ENQUEUED) for number, text in enumerate(bodies, start=first)]


@dataclass
class HostileBooks(Books):
    """Books that ask `normalize` for the verdict; without files, which `System.state` holds against the manifest."""

    metrics: dict[Key, dict[str, Decimal]] = field(default_factory=dict)

    def deliver(self, messages: list[Message], partition: str = "0", hub: str = "payments") -> None:
        bodies, found = redact([message.body for message in messages])
        for index, (message, text) in enumerate(zip(messages, bodies, strict=True)):
            position = (hub, partition, message.sequence_number, message.enqueued_at)
            outcome = normalize(index, text, message.enqueued_at, RULES)
            if isinstance(outcome, Rejection):
                ids = (outcome.event_id, outcome.transaction_id)
                self._reject(position, Bad(outcome.stage, outcome.code, outcome.field, *ids), text)
                continue
            arrival: dict[str, Any] = {
                "event_payload": text.decode(),
                "partition_id": partition,
                "sequence_number": message.sequence_number,
                "enqueued_at": message.enqueued_at,
                "redactions": found.get(index, 0),
            }
            row = {name: arrival[name] if name in arrival else getattr(outcome, name) for name in EVENT_SCHEMA.names}
            key = (outcome.event_id, outcome.occurred_at.date())
            known = self.events.setdefault(key, row)
            if known is row:
                self.metrics[key] = outcome.metrics
            elif known["event_payload"] != row["event_payload"]:
                ids = (outcome.event_id, outcome.transaction_id)
                self._reject(position, Bad("claim", "conflicting_duplicate", "event_id", *ids), text)

    def state(self) -> State:
        units = {"processing_time_ms": "ms", "risk_score": None}
        metrics = [
            (row, name, value, units.get(name, row["currency"]))
            for key, row in self.events.items()
            for name, value in self.metrics[key].items()
        ]
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
            aggregate_histograms=_histograms([(row, name, value) for row, name, value, _ in metrics]),
            failed_items=dict(self.failed),
            raw_event_files={},
        )


def _histograms(metrics: list[tuple[dict[str, Any], str, Decimal]]) -> dict[Key, Key]:
    grouped: dict[Key, list[Decimal]] = {}
    for row, name, value in metrics:
        for length in WINDOWS:
            start = _window(row["occurred_at"], length)
            grouped.setdefault((name, row["event_type"], start, start + length), []).append(value)
    return {
        key: (
            *(len(values), sum(values), min(values), max(values)),
            _packed([value for value in values if value > 0]),
            sum(value == 0 for value in values),
            _packed([-value for value in values if value < 0]),
        )
        for key, values in grouped.items()
    }


def _packed(values: list[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = _EXACT.add(total, Decimal((0, (1,), 12 * bucket(value))))
    return total
