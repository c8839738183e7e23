"""The files of one compaction. One thread puts events in order, one writes Parquet, while the next run is read."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from azure.storage.blob import ContainerClient

from payments_storage.compact.inputs import TARGET_BYTES
from payments_storage.compact.merge import Run
from payments_storage.compact.output import Output, compacted_path

_FULL_BYTES: Final = TARGET_BYTES * 7 // 8
"""Half a run below the target: a file is full when another run would take it further away from it."""


class Outputs:
    """A file has events of one hour. Leaving without `commit` leaves nothing that counts, and at most whole files
    that the manifest does not know.
    """

    def __init__(self, container: ContainerClient, compaction: UUID) -> None:
        self._container = container
        self._compaction = compaction
        self._writer = ThreadPoolExecutor(1, "write")
        self._taker = ThreadPoolExecutor(1, "order")
        self._writing: Future[None] | None = None
        self._files: list[Output] = []
        self._open: dict[datetime, Output] = {}

    def write_all(self, runs: Iterable[Run]) -> None:
        """Each waits until the one before is written."""
        for run in runs:
            self._wait()
            self._writing = self._writer.submit(self._write, run)

    def commit(self) -> list[Output]:
        """All files, whole and in Blob Storage."""
        self._wait()
        for file in self._open.values():
            file.commit()
        return self._files

    def _write(self, run: Run) -> None:
        if run.hour not in self._open:
            path = compacted_path(run.hour, self._compaction, len(self._files))
            self._open[run.hour] = Output(self._container, path)
            self._files.append(self._open[run.hour])
        file = self._open[run.hour]
        file.write(run, self._taker)
        if file.bytes >= _FULL_BYTES:
            file.commit()
            del self._open[run.hour]

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.shutdown()
        self._taker.shutdown()
