"""Removes the originals of compactions when their grace period is over, and nothing that is protected."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from payments_storage.compact.manifest import Manifest
from payments_storage.compact.note import Note, note_path
from payments_storage.compact.report import Report
from payments_storage.connect import Pool
from payments_storage.errors import blob_code, blob_errors

_AT_ONCE: Final = 8
_IMMUTABLE: Final = "BlobImmutable"
"""How the codes of refusals begin that an immutability policy or a legal hold is the reason of."""


class Removal:
    """May end anywhere: first a blob goes, then the manifest says so, and a blob that is gone is no error."""

    def __init__(
        self,
        pool: Pool,
        container: ContainerClient,
        grace: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._container = container
        self._manifest = Manifest(pool)
        self._grace = grace
        self._now = now

    def run(self, report: Report, until: float) -> None:
        """Begins nothing after `until` (time.monotonic). Raises StorageError."""
        while time.monotonic() < until:
            due = self._manifest.due(self._now() - self._grace)
            if due is None:
                return
            compaction, paths = due
            problem = self._unfit(compaction, paths)
            if problem:
                report.problems.append(problem)
                self._manifest.kept(paths, self._now())
                continue
            with ThreadPoolExecutor(_AT_ONCE, "remove") as pool:
                protected = {path for path, gone in zip(paths, pool.map(self._delete, paths), strict=True) if not gone}
            self._manifest.removed([path for path in paths if path not in protected])
            self._manifest.kept(list(protected), self._now())
            report.removed += len(paths) - len(protected)
            for path in sorted(protected):
                report.keep(path, "not removed: under legal hold or immutable")

    def _unfit(self, compaction: UUID, paths: list[str]) -> str:
        """Why the originals are still needed; empty if the new files are all there. Sees to it that the note is."""
        made = self._manifest.made(compaction)
        for file in made:
            if file.state != "removed" and self._size(file.path) != file.bytes:
                return f"{file.path} is missing or damaged: what it replaced is kept. Restore it, or the originals"
        path = note_path(made[0].path, compaction)
        if Note.read(self._container, path) is None:  # the process ended between the swap and the note
            Note(compaction, made[0].event_hub, [file.path for file in made], paths).write(self._container)
        return ""

    def _size(self, path: str) -> int | None:
        with blob_errors(f"look at {path}"):
            try:
                size: int = self._container.get_blob_client(path).get_blob_properties().size
            except ResourceNotFoundError:
                return None
        return size

    def _delete(self, path: str) -> bool:
        """False where the blob is protected."""
        with blob_errors(f"remove {path}"):
            try:
                self._container.delete_blob(path)
            except ResourceNotFoundError:
                pass
            except HttpResponseError as error:
                if blob_code(error).startswith(_IMMUTABLE):
                    return False
                raise
        return True
