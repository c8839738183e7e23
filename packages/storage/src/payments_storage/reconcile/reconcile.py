"""One run: everything that PostgreSQL says comes from one snapshot, and every file of its manifest is read.

Memory does not grow with the number of events: a day at a time, and of its rows sums and fingerprints only.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final

import pyarrow as pa

from payments_core.metrics import extract_metrics
from payments_storage.pipeline import Pipeline
from payments_storage.reconcile.archive import Archive, within
from payments_storage.reconcile.findings import Findings
from payments_storage.reconcile.histograms import Histograms
from payments_storage.reconcile.index import Index
from payments_storage.reconcile.metrics import Metrics
from payments_storage.reconcile.orphans import Orphans
from payments_storage.reconcile.payloads import deferred_events, parse_archived
from payments_storage.reconcile.payments import Payments
from payments_storage.reconcile.sequences import Recorded, check_sequences
from payments_storage.reconcile.snapshot import Snapshot
from payments_storage.reconcile.span import Span

NAMED_AT_MOST: Final = 20
Progress = Callable[[int, str], None]
"""Called with the events read so far, and with what is being done."""


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many days before today PostgreSQL keeps what the archive keeps for years (settings of these names)."""

    dedup_window_days: int
    metrics_retention_days: int


class Reconciler:
    """Compares the stores of a pipeline. Changes nothing, but for orphan files where it is asked to remove them."""

    def __init__(
        self,
        pipeline: Pipeline,
        kept: Kept,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        progress: Progress = lambda _events, _what: None,
    ) -> None:
        self._pipeline = pipeline
        self._archive = Archive(pipeline.container)
        self._kept = kept
        self._now = now
        self._progress = progress

    def run(self, span: Span, *, fix: bool = False, limit: int = NAMED_AT_MOST) -> Findings:
        """Each check names `limit` differences at most. With `fix` orphan files are removed. Raises StorageError."""
        started = time.monotonic()
        findings = Findings(span, limit)
        letters = self._letters()
        with Snapshot.open(self._pipeline.pool) as snapshot:
            letters |= self._letters()  # one may be written, or brought back, while the snapshot is taken
            for part in span.parts():
                self._part(snapshot, part, findings)
                check_sequences(snapshot, part, letters, findings["sequences"])
        self._orphans(span, findings, fix=fix)
        findings.seconds = time.monotonic() - started
        return findings

    def _letters(self) -> set[str]:
        letters = self._pipeline.dead_letters
        return {letter.name for letter in chain(letters.pending(), letters.parked())}

    def _part(self, snapshot: Snapshot, part: Span, findings: Findings) -> None:
        """A UTC day, or a part of one."""
        today = self._now().date()
        rules = self._pipeline.rules
        index = Index(snapshot, part, today - timedelta(days=self._kept.dedup_window_days), findings["index"])
        metrics = Metrics(
            snapshot, part, today - timedelta(days=self._kept.metrics_retention_days), findings["metrics"]
        )
        payments, histograms = Payments(), Histograms(self._pipeline.windows, part)
        for archived, parsed in self._events(snapshot, part, findings, Recorded(snapshot, part, findings["sequences"])):
            measured = extract_metrics(parsed, rules)
            index.expect(parsed)
            metrics.expect(measured)
            payments.add(archived)
            histograms.add(measured)
            self._progress(findings["payloads"].compared["events"], f"{part} archive")
        self._progress(findings["payloads"].compared.get("events", 0), f"{part} tables")
        self._look_again(snapshot, part, index, metrics)
        payments.compare(snapshot, part, findings["payments"])
        histograms.compare(snapshot, findings["histograms"])

    def _look_again(self, snapshot: Snapshot, part: Span, index: Index, metrics: Metrics) -> None:
        """Where fingerprints differ, the archive is read once more, and the rows that differ are named."""
        events_differ = bool(index.suspect())
        metrics_differ = metrics.suspect()
        span = part if events_differ else metrics_differ
        if span is None:
            return
        silent = Findings(part, limit=0)
        for _, parsed in self._events(snapshot, span, silent, None):
            if events_differ:
                index.expect_again(parsed)
            if metrics_differ:
                metrics.expect_again(extract_metrics(parsed, self._pipeline.rules))
        if events_differ:
            index.name_differences()
        if metrics_differ:
            metrics.name_differences(metrics_differ)

    def _events(
        self, snapshot: Snapshot, span: Span, findings: Findings, recorded: Recorded | None
    ) -> Iterator[tuple[pa.Table, pa.Table]]:
        """The events that count, as the archive has them and as their payloads say."""
        parser = self._pipeline.parser
        for archived in self._archive.events(snapshot, span, findings["files"], recorded):
            yield archived, parse_archived(parser, archived, findings["payloads"])
        for hub, events in deferred_events(snapshot, parser):
            waiting = within(events, span)
            if waiting.num_rows:
                findings["payloads"].saw("events", waiting.num_rows)
                findings["files"].saw("events that wait for their file", waiting.num_rows)
                if recorded is not None:
                    recorded.look_up(hub, waiting)
                yield waiting, waiting

    def _orphans(self, span: Span, findings: Findings, *, fix: bool) -> None:
        orphans = Orphans(self._pipeline.pool, self._pipeline.container, self._now(), remove=fix)
        for part in span.parts():
            if part.whole_day:
                orphans.check(part.day, findings["orphans"])
            else:
                findings["orphans"].note(f"{part} is no whole day: orphans were not looked for")
