"""Small files read ahead by a few threads, whole, in their order.

Through pyarrow's file system: a file of a thousand events takes the SDK 2.8 ms of processor time, and this 0.6.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from azure.storage.blob import ContainerClient
from pyarrow.fs import FileSystem

from payments_storage.compact.inputs import SMALL_BYTES, SmallFile
from payments_storage.compact.listing import IMMUTABLE, OTHER, left_alone
from payments_storage.compacted_file import UNREADABLE
from payments_storage.errors import PermanentStorageError, blob_errors
from payments_storage.raw_event import RAW_EVENT_SCHEMA

_log = logging.getLogger("payments.compact")

_READERS: Final = 4
_AHEAD: Final = 32
_AHEAD_BYTES: Final = SMALL_BYTES


@dataclass(frozen=True, slots=True)
class Content:
    """The file's events, a row group at a time; None, and the reason, where it must stay as it is."""

    file: SmallFile
    events: Iterable[pa.Table] | None
    kept: str = ""

    @property
    def immutable(self) -> bool:
        return self.kept.startswith(IMMUTABLE)


class Reading:
    """Reads from one container."""

    def __init__(self, container: ContainerClient, file_system: FileSystem) -> None:
        self._container = container
        self._file_system = file_system
        self._format = ds.ParquetFileFormat()

    def contents(self, files: Sequence[SmallFile]) -> Iterator[Content]:
        """Of each file, in order. Raises StorageError."""
        reasons = left_alone(self._container, files)
        waiting: deque[tuple[SmallFile, Future[Content]]] = deque()
        ahead = 0
        with ThreadPoolExecutor(_READERS, "compact") as readers:
            try:
                for file in files:
                    while waiting and (len(waiting) >= _AHEAD or ahead + file.bytes > _AHEAD_BYTES):
                        first, future = waiting.popleft()
                        ahead -= first.bytes
                        yield future.result()
                    waiting.append((file, readers.submit(self._read, file, reasons[file.path])))
                    ahead += file.bytes
                for _, future in waiting:
                    yield future.result()
            finally:
                readers.shutdown(cancel_futures=True)

    def _read(self, file: SmallFile, reason: str) -> Content:
        if reason:
            return Content(file, None, reason)
        events = _decode(self._download(file), file)
        return Content(file, events, "" if events is not None else OTHER)

    def _download(self, file: SmallFile) -> pa.Buffer:
        """One request, since the size is known. pyarrow says little about what fails: then the SDK tries, and says."""
        path = f"{self._container.container_name}/{file.path}"
        try:
            with self._format.make_fragment(path, self._file_system, file_size=file.bytes).open() as blob:
                return blob.read_buffer(file.bytes)
        except OSError as error:
            _log.warning("%s: read once more, by the SDK, after %s", file.path, type(error).__name__)
            with blob_errors(f"read {file.path}"):
                return pa.py_buffer(self._container.download_blob(file.path).readall())


def _decode(data: pa.Buffer, manifest: SmallFile) -> Iterable[pa.Table] | None:
    """Files of batches are decoded here, by the reader's thread; what has more row groups, as it is needed."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
        if data.size != manifest.bytes or file.metadata.num_rows != manifest.rows:
            return None
        return [_row_group(file, 0)] if file.num_row_groups == 1 else _row_groups(file, manifest.path)
    except UNREADABLE:
        return None


def _row_groups(file: pq.ParquetFile, path: str) -> Iterator[pa.Table]:
    for number in range(file.num_row_groups):
        try:
            events = _row_group(file, number)
        except UNREADABLE:
            raise PermanentStorageError(f"{path} is damaged: restore it (payments reconcile)") from None
        yield events


def _row_group(file: pq.ParquetFile, number: int) -> pa.Table:
    # Columns named to the reader cost it a tenth of its time; there are seldom others.
    return file.read_row_group(number, use_threads=False).select(RAW_EVENT_SCHEMA.names).cast(RAW_EVENT_SCHEMA)
