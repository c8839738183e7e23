"""Puts failed events through the pipeline again: what it takes counts once, however often it is replayed.

The entries stay locked while their events are processed, and are marked only after the pipeline has committed: a
replay that dies in between leaves them pending, and the next one finds their events stored already.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from payments_core.errors import Stage
from payments_core.event import Rejection
from payments_storage.errors import StorageError
from payments_storage.failed_items import Chosen, FailedItems, LockedItems
from payments_storage.intake import mask
from payments_storage.pipeline import Pipeline

_BATCH_EVENTS: Final = 1000
_BATCH_BYTES: Final = 16_000_000


@dataclass(slots=True)
class Replayed:
    """What became of the chosen entries. The first five add up to `chosen`, unless the replay stopped early.

    `stored` count from now on, `duplicates` counted before; `archived` have their file now. `rejected` (by code) are
    pending still. `left` were somebody else's work. `stopped` says why the rest was not tried.
    """

    chosen: int
    stored: int = 0
    duplicates: int = 0
    archived: int = 0
    left: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    stopped: str | None = None

    @property
    def tried(self) -> int:
        return self.stored + self.duplicates + self.archived + self.left + sum(self.rejected.values())


def awaits_archive(item: Chosen) -> bool:
    """Whether its event counts, so that only its archive file is to be written."""
    return item.stage == Stage.ARCHIVE


def count(rejections: Iterable[Rejection], codes: dict[str, int]) -> None:
    """Adds them by code."""
    for rejection in rejections:
        codes[rejection.code.value] = codes.get(rejection.code.value, 0) + 1


def batches(chosen: list[Chosen]) -> Iterator[list[Chosen]]:
    """Entries of one partition each, in their order, bounded in number and bytes."""
    for _, items in groupby(chosen, key=lambda item: (item.event_hub, item.partition_id)):
        batch: list[Chosen] = []
        size = 0
        for item in items:
            if batch and (len(batch) == _BATCH_EVENTS or size + item.bytes > _BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(item)
            size += item.bytes
        yield batch


class Replay:
    """Two at once share the work. `by` is the person for the audit."""

    def __init__(self, pipeline: Pipeline, items: FailedItems, by: str) -> None:
        self._pipeline = pipeline
        self._items = items
        self._by = by

    def run(self, chosen: list[Chosen], progress: Callable[[int], None] = lambda _: None) -> Replayed:
        """Raises no StorageError: what was done until then is told as well. `progress` gets the number dealt with."""
        report = Replayed(len(chosen))
        try:
            for batch in batches([item for item in chosen if not awaits_archive(item)]):
                with self._items.locked(batch) as locked:
                    report.left += len(batch) - len(locked.ids)
                    if locked.ids:
                        self._process(locked, report)
                progress(report.tried)
            self._archive([item for item in chosen if awaits_archive(item)], report)
        except StorageError as error:
            report.stopped = str(error)
        return report

    def _process(self, locked: LockedItems, report: Replayed) -> None:
        delivery = mask(locked.delivery)
        intake = self._pipeline.intake
        outcome = intake.commit(delivery, intake.parse(delivery))
        locked.mark(delivery, outcome.rejections, self._by)
        report.stored += outcome.archived
        report.duplicates += outcome.duplicates
        count(outcome.rejections, report.rejected)

    def _archive(self, chosen: list[Chosen], report: Replayed) -> None:
        if not chosen:
            return
        self._items.archive_now(chosen)
        while self._pipeline.deferred_archive.write_next():
            pass
        report.archived += len(chosen)
        for code, tried, entries in self._items.still_pending(chosen):
            report.archived -= entries
            if tried:
                report.rejected[code] = report.rejected.get(code, 0) + entries
            else:
                report.left += entries
