"""The handler: translate, take, log. It catches nothing; a raise makes the host deliver the batch again."""

import logging
import time
from datetime import UTC, datetime

import azure.functions as func

from ingest.translate import to_delivery
from payments_storage.intake import Intake
from payments_storage.outcome import Outcome

_log = logging.getLogger("payments.ingest")


class Handler:
    """What one invocation does. Shared by the threads of a worker process."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def __call__(self, events: list[func.EventHubEvent]) -> Outcome:
        if not events:  # no position, nothing to do; raising here would hold the partition for ever
            return Outcome()
        started = time.perf_counter()
        delivery = to_delivery(events)
        outcome = self._intake.take(delivery)
        _log.info(
            "partition=%s sequence=%d..%d delivered=%d archived=%d deferred=%d duplicates=%d failed=%d "
            "failed_before=%d dead_lettered=%d parked=%d metrics=%d unusable_metrics=%d redacted=%d files=%d "
            "lag_s=%.1f ms=%.1f",
            delivery.partition_id,
            delivery.sequence_numbers[0],
            delivery.sequence_numbers[-1],
            outcome.delivered,
            outcome.archived,
            outcome.deferred,
            outcome.duplicates,
            outcome.failed,
            outcome.failed_before,
            outcome.dead_lettered,
            outcome.parked,
            outcome.metrics,
            outcome.unusable_metrics,
            outcome.redacted,
            len(outcome.files),
            (datetime.now(UTC) - delivery.enqueued_at[-1]).total_seconds(),
            (time.perf_counter() - started) * 1000,
        )
        return outcome
