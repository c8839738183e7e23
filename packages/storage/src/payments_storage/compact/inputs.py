"""The small files that are to be merged: in which portions, and read ahead by a few threads, whole, in their order."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from payments_storage.compacted_file import UNREADABLE
from payments_storage.errors import PermanentStorageError, blob_code, blob_errors
from payments_storage.raw_event import RAW_EVENT_SCHEMA

TARGET_BYTES: Final = 128 << 20
SMALL_BYTES: Final = TARGET_BYTES // 2
"""A file below this is merged again; one above is left as it is."""
_MERGED_AGAIN: Final = 4
"""So many small compacted files of an hour are merged again: with fewer, each late event would write the hour anew."""
_PORTION_BYTES: Final = 16 * TARGET_BYTES
_PORTION_FILES: Final = 20_000
_IMMUTABLE: Final = "immutable"
_READERS: Final = 4
_AHEAD: Final = 32
_AHEAD_BYTES: Final = SMALL_BYTES


@dataclass(frozen=True, slots=True)
class SmallFile:
    """A row of the manifest; `hour` (UTC) is that of its earliest event."""

    path: str
    rows: int
    bytes: int
    hour: int
    max_occurred_at: datetime
    of_batch: bool


@dataclass(frozen=True, slots=True)
class Content:
    """The file's events, a row group at a time; None, and the reason, where it must stay as it is."""

    file: SmallFile
    events: Iterable[pa.Table] | None
    kept: str = ""

    @property
    def immutable(self) -> bool:
        return self.kept.startswith(_IMMUTABLE)


def worth_merging(files: Sequence[SmallFile]) -> list[SmallFile]:
    """All files of batches, and compacted ones of hours that have enough of them."""
    hours = Counter(file.hour for file in files if not file.of_batch)
    return [file for file in files if file.of_batch or hours[file.hour] >= _MERGED_AGAIN]


def portions(files: Sequence[SmallFile]) -> Iterator[list[SmallFile]]:
    """What one compaction takes on: enough for 16 files of the target's size. Each ends in a commit of its own."""
    portion: list[SmallFile] = []
    size = 0
    for file in files:
        portion.append(file)
        size += file.bytes
        if size >= _PORTION_BYTES or len(portion) >= _PORTION_FILES:
            yield portion
            portion, size = [], 0
    if len(portion) > 1:
        yield portion


def read(container: ContainerClient, files: Sequence[SmallFile]) -> Iterator[Content]:
    """Each file's content, in order. Raises StorageError."""
    waiting: deque[tuple[SmallFile, Future[Content]]] = deque()
    ahead = 0
    with ThreadPoolExecutor(_READERS, "compact") as readers:
        try:
            for file in files:
                while waiting and (len(waiting) >= _AHEAD or ahead + file.bytes > _AHEAD_BYTES):
                    first, future = waiting.popleft()
                    ahead -= first.bytes
                    yield future.result()
                waiting.append((file, readers.submit(_read, container, file)))
                ahead += file.bytes
            for _, future in waiting:
                yield future.result()
        finally:
            readers.shutdown(cancel_futures=True)


def _read(container: ContainerClient, file: SmallFile) -> Content:
    headers: dict[str, str] = {}

    def keep_headers(response: Any) -> None:
        headers.update({name.lower(): value for name, value in response.http_response.headers.items()})

    with blob_errors(f"read {file.path}"):
        try:
            data = container.download_blob(file.path, raw_response_hook=keep_headers).readall()
        except ResourceNotFoundError:
            return Content(file, None, "missing in Blob Storage (payments reconcile)")
        except HttpResponseError as error:
            if blob_code(error) == "BlobArchived":
                return Content(file, None, "in the archive tier")
            raise
    reason = protection(headers)
    if reason:
        return Content(file, None, reason)
    events = _decode(data, file)
    return Content(file, events, "" if events is not None else "not what the manifest says (payments reconcile)")


def protection(headers: dict[str, str]) -> str:
    """Why a blob with these headers (lower case) must not be removed; empty if it may."""
    if headers.get("x-ms-legal-hold", "").lower() == "true":
        return "under legal hold"
    until = headers.get("x-ms-immutability-policy-until-date")
    return f"{_IMMUTABLE} until {until}" if until else ""


def _decode(data: bytes, manifest: SmallFile) -> Iterable[pa.Table] | None:
    """Files of batches are decoded here, by the reader's thread; what has more row groups, as it is needed."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
        if len(data) != manifest.bytes or file.metadata.num_rows != manifest.rows:
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
    return file.read_row_group(number, columns=RAW_EVENT_SCHEMA.names, use_threads=False).cast(RAW_EVENT_SCHEMA)
