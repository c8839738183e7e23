"""Blobs as files for pyarrow: read range by range, and written block by block, whatever their size.

Both raise StorageError. What is written is nowhere to be seen until `commit`.
"""

from base64 import b64encode
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from typing import Final

from azure.core import MatchConditions
from azure.storage.blob import BlobBlock, ContainerClient, ContentSettings

from payments_storage.errors import blob_errors

PARQUET: Final = ContentSettings(content_type="application/vnd.apache.parquet")
_BLOCK_BYTES: Final = 8 << 20


class BlobReader(RawIOBase):
    """A blob of this size; every read is one request."""

    def __init__(self, container: ContainerClient, path: str, size: int) -> None:
        self._container = container
        self._path = path
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._place = {SEEK_SET: 0, SEEK_CUR: self._place, SEEK_END: self._size}[whence] + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._place)
        length = left if size < 0 else min(size, left)
        if not length:
            return b""
        with blob_errors(f"read {self._path}"):
            data = self._container.download_blob(self._path, offset=self._place, length=length).readall()
        self._place += len(data)
        return data


class BlobWriter(RawIOBase):
    """A new block blob. Blocks travel with a checksum that the service verifies."""

    def __init__(self, container: ContainerClient, path: str) -> None:
        self._blob = container.get_blob_client(path)
        self._path = path
        self._waiting = bytearray()
        self._blocks: list[BlobBlock] = []
        self.bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._waiting += data
        self.bytes += len(data)
        while len(self._waiting) >= _BLOCK_BYTES:
            self._stage(_BLOCK_BYTES)
        return len(data)

    def commit(self) -> None:
        """Makes it a blob; a name that is taken is refused."""
        if self._waiting:
            self._stage(len(self._waiting))
        with blob_errors(f"write {self._path}"):
            self._blob.commit_block_list(
                self._blocks, content_settings=PARQUET, match_condition=MatchConditions.IfMissing
            )

    def _stage(self, size: int) -> None:
        block = BlobBlock(block_id=b64encode(f"{len(self._blocks):06}".encode()).decode())
        with blob_errors(f"write {self._path}"):
            self._blob.stage_block(block.id, bytes(self._waiting[:size]), validate_content=True)
        del self._waiting[:size]
        self._blocks.append(block)
