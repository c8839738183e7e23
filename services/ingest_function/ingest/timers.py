"""What the timer functions do, each with a line in the log for what it did and none where nothing was due."""

import logging
from datetime import UTC, datetime
from typing import Final

from ingest.wiring import Runtime
from payments_storage.maintenance import maintain_partitions
from payments_storage.redrive import RedriveReport

REDRIVE_SECONDS: Final = 150
"""After this long the redrive begins nothing new, so that what it has begun ends within the function's time limit."""


def redrive(runtime: Runtime) -> None:
    report = runtime.pipeline.redrive.run(REDRIVE_SECONDS)
    if report != RedriveReport():
        logging.getLogger("payments.redrive").info("%s", report)


def maintain(runtime: Runtime) -> None:
    settings = runtime.settings
    lines = maintain_partitions(
        runtime.pipeline.pool,
        datetime.now(UTC).date(),
        ahead_days=settings.partitions_ahead_days,
        dedup_window_days=settings.dedup_window_days,
        metrics_retention_days=settings.metrics_retention_days,
    )
    for line in lines:
        logging.getLogger("payments.maintain").info(line)
