"""What every host does from time to time beside the batches, each with a line in the log where something was due."""

import logging
from datetime import UTC, datetime
from typing import Final

from pydantic import Field

from payments_storage.maintenance import maintain_partitions
from payments_storage.pipeline import Pipeline
from payments_storage.pipeline_settings import PipelineSettings
from payments_storage.reconcile.reconcile import Kept
from payments_storage.reconcile.watch import watch
from payments_storage.redrive import RedriveReport

REDRIVE_SECONDS: Final = 150
"""After this long the redrive begins nothing new, so that what it has begun ends within the function's time limit."""


class HostSettings(PipelineSettings):
    """Of whatever hosts the pipeline: the function app, or `payments consume`."""

    partitions_ahead_days: int = Field(7, ge=1, le=60, description="days for which partitions are made ahead")
    metrics_retention_days: int = Field(90, ge=1, description="days for which dynamic_metrics is kept")


def redrive(pipeline: Pipeline) -> None:
    report = pipeline.redrive.run(REDRIVE_SECONDS)
    if report != RedriveReport():
        logging.getLogger("payments.redrive").info("%s", report)


def maintain(pipeline: Pipeline, settings: HostSettings) -> None:
    lines = maintain_partitions(
        pipeline.pool,
        datetime.now(UTC).date(),
        ahead_days=settings.partitions_ahead_days,
        dedup_window_days=settings.dedup_window_days,
        metrics_retention_days=settings.metrics_retention_days,
    )
    for line in lines:
        logging.getLogger("payments.maintain").info(line)


def reconcile(pipeline: Pipeline, settings: HostSettings) -> None:
    """Hourly; `watch` knows what is due and logs what it finds."""
    watch(pipeline, Kept(settings.dedup_window_days, settings.metrics_retention_days), datetime.now(UTC))
