"""What every host does from time to time beside the batches, each with a line in the log where something was due."""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import Field

from payments_storage.compact.compact import Compactor
from payments_storage.compact.removal import Removal
from payments_storage.compact.report import Report
from payments_storage.maintenance import maintain_partitions
from payments_storage.pipeline import Pipeline
from payments_storage.pipeline_settings import PipelineSettings
from payments_storage.reconcile.reconcile import Kept
from payments_storage.reconcile.watch import watch
from payments_storage.redrive import RedriveReport

REDRIVE_SECONDS: Final = 150
"""After this long the redrive begins nothing new, so that what it has begun ends within the function's time limit."""
COMPACT_SECONDS: Final = 180
"""After this long a compaction reads nothing new, and commits what it has."""
COMPACT_FILES: Final = 10
"""Fewer new files in a day are not worth a compaction yet."""


class HostSettings(PipelineSettings):
    """Of whatever hosts the pipeline: the function app, or `payments consume`."""

    partitions_ahead_days: int = Field(7, ge=1, le=60, description="days for which partitions are made ahead")
    metrics_retention_days: int = Field(90, ge=8, description="days for which dynamic_metrics is kept")
    failed_items_retention_days: int = Field(
        2557, ge=8, le=36_500, description="days for which failed items are kept once they are resolved"
    )
    compaction_grace_hours: int = Field(
        24, ge=1, le=720, description="hours for which files that were compacted lie there for readers that had begun"
    )


def redrive(pipeline: Pipeline) -> None:
    report = pipeline.redrive.run(REDRIVE_SECONDS)
    if report != RedriveReport():
        logging.getLogger("payments.redrive").info("%s", report)


def compact(pipeline: Pipeline, settings: HostSettings) -> None:
    """Hourly; what is too much for one run is left to the next, or to `payments events compact`."""
    log = logging.getLogger("payments.compact")
    until = time.monotonic() + COMPACT_SECONDS
    report = Report()
    Compactor(pipeline.pool, pipeline.container, pipeline.file_system).run(report, least=COMPACT_FILES, until=until)
    grace = timedelta(hours=settings.compaction_grace_hours)
    Removal(pipeline.pool, pipeline.container, grace).run(report, until)
    for problem in report.problems:
        log.error(problem)
    for reason, paths in report.kept.items():
        log.warning("left alone, %s: %d files, such as %s", reason, len(paths), paths[0])
    for note in report.notes:
        log.info(note)
    if report:
        log.info(
            "days=%d events=%d files=%d..%d bytes=%d..%d removed=%d",
            report.days,
            report.events,
            report.files_before,
            report.files_after,
            report.bytes_before,
            report.bytes_after,
            report.removed,
        )


def maintain(pipeline: Pipeline, settings: HostSettings) -> None:
    lines = maintain_partitions(
        pipeline.pool,
        datetime.now(UTC).date(),
        ahead_days=settings.partitions_ahead_days,
        dedup_window_days=settings.dedup_window_days,
        metrics_retention_days=settings.metrics_retention_days,
        failed_items_retention_days=settings.failed_items_retention_days,
    )
    for line in lines:
        logging.getLogger("payments.maintain").info(line)


def reconcile(pipeline: Pipeline, settings: HostSettings) -> None:
    """Every five minutes; `watch` knows what is due and logs what it finds."""
    watch(pipeline, Kept(settings.dedup_window_days, settings.metrics_retention_days), datetime.now(UTC))
