"""A day of traffic to damage, and what reconcile says of it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ingest.translate import to_delivery
from payments_core.event import Delivery
from payments_storage.reconcile.findings import Findings
from payments_storage.reconcile.reconcile import Kept, Reconciler
from payments_storage.reconcile.span import Span

from .events import DAY, NOON, NOT_JSON, TODAY, Message, bodies, body, messages, rfc3339
from .system import System, decode

DAY_SPAN: Final = Span.of_day(TODAY.date())
KEPT: Final = Kept(dedup_window_days=8, metrics_retention_days=90)
LATER: Final = timedelta(hours=3)
"""After this long a file that was written just now is old enough to be an orphan."""


def traffic() -> list[Message]:
    """Six events of today (0 to 5) with all metrics, one of yesterday, a bad one, a duplicate and a conflict."""
    measured = {"fee_amount": "0.10", "processing_time_ms": 12, "risk_score": 0.5}
    yesterday = body(6, occurred_at=rfc3339(NOON - DAY))
    repeated = [body(0, **measured), body(1, amount="11.00")]
    return messages([*bodies(range(6), **measured), yesterday, (b"{", NOT_JSON), *repeated])


def reconcile(system: System, span: Span = DAY_SPAN, *, age: timedelta = LATER, **options: Any) -> Findings:
    """A run `age` from now."""
    pipeline = system.runtime.pipeline
    return Reconciler(pipeline, KEPT, now=lambda: datetime.now(UTC) + age).run(span, **options)


def named(findings: Findings) -> list[tuple[str, str, str | None, str | None]]:
    """Every difference: kind, place, what is due and what is there."""
    differences = [each for check in findings.checks.values() for each in check.named]
    assert len(differences) == findings.count, "not all are named"
    return [(each.kind.value, each.where, each.expected, each.found) for each in differences]


def counted(findings: Findings) -> dict[str, int]:
    """Check -> differences, where there are any."""
    return {name: check.count for name, check in findings.checks.items() if check.count}


def notes(findings: Findings) -> str:
    return "\n".join(note for check in findings.checks.values() for note in check.notes)


def delivery_of(batch: list[Message], partition: str = "0", hub: str = "payments") -> Delivery:
    return to_delivery(decode(batch, partition, hub))


def defer(system: System, batch: list[Message]) -> None:
    """Counts the events and leaves their archive file to the redrive."""
    intake = system.runtime.pipeline.intake
    delivery = delivery_of(batch)
    assert intake.commit(delivery, intake.parse(delivery), defer_archive="Blob Storage is away").deferred == len(batch)
