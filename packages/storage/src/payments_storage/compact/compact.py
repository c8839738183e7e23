"""Compaction of days, in steps after each of which it may end:

    write new files -> swap in the manifest -> note beside the archive -> (grace period) -> remove the originals

Until the swap the new files count nowhere; from then on the originals do not, and lie there for readers that began
before (docs/compaction.md). Two at once do no harm: the manifest takes the swap of one of them.
"""

import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from azure.storage.blob import ContainerClient
from pyarrow.fs import FileSystem

from payments_storage.compact.inputs import SmallFile, portions, worth_merging
from payments_storage.compact.manifest import HubDay, Manifest
from payments_storage.compact.merge import Merge
from payments_storage.compact.note import Note
from payments_storage.compact.output import PREFIX, Output
from payments_storage.compact.outputs import Outputs
from payments_storage.compact.reading import Reading
from payments_storage.compact.report import Report
from payments_storage.connect import Pool
from payments_storage.errors import PermanentStorageError, TransientStorageError, blob_errors
from payments_storage.reconcile.findings import Check
from payments_storage.reconcile.orphans import GRACE, Orphans

LATE: Final = timedelta(minutes=10)
"""What occurred this much before the first batch of a portion is late: it makes runs of its own."""
_READING: Final = 1800.0
_UNTIL_SWAP: Final = GRACE.total_seconds() * 0.9
"""Seconds. What is older and not in the manifest is an orphan, which others may remove: it must not be swapped in."""
Progress = Callable[[int, str], None]
"""Called with the events written so far, and with what is being done."""


class Compactor:
    """Works on what the manifest says; needs the rights of payments_writer. `file_system`: of the same account."""

    def __init__(
        self,
        pool: Pool,
        container: ContainerClient,
        file_system: FileSystem,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        progress: Progress = lambda _events, _what: None,
    ) -> None:
        self._pool = pool
        self._container = container
        self._reading = Reading(container, file_system)
        self._manifest = Manifest(pool)
        self._now = now
        self._progress = progress

    def run(
        self,
        report: Report,
        *,
        least: int = 2,
        start: datetime | None = None,
        end: datetime | None = None,
        until: float = math.inf,
        dry_run: bool = False,
    ) -> None:
        """Compacts the days with at least so many files of batches; begins nothing after `until` (time.monotonic).

        Raises StorageError; what was swapped before is done, the rest is as it was.
        """
        reason = self._container_protected()
        if reason:
            report.notes.append(reason)
            return
        for day in self._manifest.days(least, start, end):
            if time.monotonic() >= until:
                report.notes.append("not all days were looked at: the time was over")
                return
            files = worth_merging(self._manifest.small_files(day))
            report.days += 1
            if dry_run:
                for portion in portions(files):
                    report.planned(portion)
                continue
            for portion in portions(files):
                if time.monotonic() >= until or not self._portion(day, portion, report, until):
                    break
            Orphans(self._pool, self._container, self._now(), remove=True).check(day.day, Check("", 0), PREFIX)

    def _portion(self, day: HubDay, files: Sequence[SmallFile], report: Report, until: float) -> bool:
        """One compaction; when the time is over, of what was read by then. False: the rest of the day can wait."""
        compaction = uuid4()
        started = time.monotonic()
        with Outputs(self._container, compaction) as outputs:
            used = self._rewrite(day, files, outputs, report, min(until, started + _READING))
            if used is None:
                return False
            if len(used) <= 1:
                return True
            made = outputs.commit()
        if sum(file.rows for file in made) != sum(file.rows for file in used):
            raise PermanentStorageError(f"{day}: a compaction lost events; nothing was changed. This is a defect")
        if time.monotonic() - started > _UNTIL_SWAP:
            raise TransientStorageError(f"{day}: writing took so long that others may take its files for orphans")
        old = [file.path for file in used]
        if not self._manifest.swap(day, compaction, old, made):
            report.notes.append(f"{day}: another compaction was faster")
            self._discard(made)
            return False
        Note(compaction, day.event_hub, sorted(file.path for file in made), old).write(self._container)
        report.replaced(used, made)
        return True

    def _rewrite(
        self, day: HubDay, files: Sequence[SmallFile], outputs: Outputs, report: Report, until: float
    ) -> list[SmallFile] | None:
        """Returns the files whose events the outputs have, all of them; None where all are protected."""
        batches = [file.max_occurred_at for file in files if file.of_batch]
        merge = Merge(batches[0] - LATE if batches else None)
        used: list[SmallFile] = []
        events = report.events
        for content in self._reading.contents(files):
            if content.events is None:
                report.keep(content.file.path, content.kept)
                if content.immutable and not used:
                    return None  # by time: what came later is protected for longer
                continue
            for table in content.events:
                outputs.write_all(merge.add(table))
            used.append(content.file)
            events += content.file.rows
            self._progress(events, str(day))
            if time.monotonic() >= until:
                break
        outputs.write_all(merge.rest())
        return used

    def _discard(self, made: list[Output]) -> None:
        for file in made:
            with blob_errors(f"remove {file.path}"):
                self._container.delete_blob(file.path)

    def _container_protected(self) -> str:
        with blob_errors("look at the container"):
            properties = self._container.get_container_properties()
        if properties.has_legal_hold:
            return "the container is under legal hold: nothing is compacted, since nothing could be removed"
        if properties.has_immutability_policy and not properties.immutable_storage_with_versioning_enabled:
            return "the container is immutable as a whole: nothing is compacted, since nothing could be removed"
        return ""
