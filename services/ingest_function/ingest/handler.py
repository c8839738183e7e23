"""The handler: translate, parse, commit. It catches nothing; a raise makes the host deliver the batch again."""

import logging
import time

import azure.functions as func

from ingest.translate import to_delivery
from payments_core.batch import Parser
from payments_storage.unit_of_work import NOTHING, Outcome, UnitOfWork

_log = logging.getLogger("payments.ingest")


class Handler:
    """What one invocation does. Shared by the threads of a worker process."""

    def __init__(self, parser: Parser, unit_of_work: UnitOfWork) -> None:
        self._parser = parser
        self._unit_of_work = unit_of_work

    def __call__(self, events: list[func.EventHubEvent]) -> Outcome:
        if not events:  # no position, nothing to do; raising here would hold the partition for ever
            return NOTHING
        started = time.perf_counter()
        delivery = to_delivery(events)
        batch = self._parser.parse_and_normalize(delivery)
        outcome = self._unit_of_work.commit(delivery, batch)
        _log.info(
            "partition=%s sequence=%d..%d delivered=%d archived=%d duplicates=%d failed=%d failed_before=%d "
            "metrics=%d unusable_metrics=%d files=%d ms=%.1f",
            delivery.partition_id,
            delivery.sequence_numbers[0],
            delivery.sequence_numbers[-1],
            outcome.delivered,
            outcome.archived,
            outcome.duplicates,
            outcome.failed,
            outcome.failed_before,
            outcome.metrics,
            outcome.unusable_metrics,
            len(outcome.files),
            (time.perf_counter() - started) * 1000,
        )
        return outcome
