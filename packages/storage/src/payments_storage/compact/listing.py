"""What Blob Storage says of the files that are to be merged, without a request for each: which of them must stay."""

from collections.abc import Sequence
from typing import Final

from azure.storage.blob import BlobProperties, ContainerClient, StandardBlobTier

from payments_storage.compact.inputs import SmallFile
from payments_storage.errors import blob_errors

IMMUTABLE: Final = "immutable"
"""How a reason begins that ends by time."""
OTHER: Final = "not what the manifest says (payments reconcile)"
_MISSING: Final = "missing in Blob Storage (payments reconcile)"
_HOUR: Final = len("17")


def left_alone(container: ContainerClient, files: Sequence[SmallFile]) -> dict[str, str]:
    """Path -> why the file must stay as it is, empty if it may be merged. Raises StorageError."""
    bytes_of = {file.path: file.bytes for file in files}
    reasons = dict.fromkeys(bytes_of, _MISSING)
    for prefix in sorted({_up_to_the_hour(path) for path in bytes_of}):
        with blob_errors(f"list {prefix}"):
            for blob in container.list_blobs(prefix, include=["immutabilitypolicy", "legalhold"]):
                if blob.name in reasons:
                    reasons[blob.name] = _reason(blob, bytes_of[blob.name])
    return reasons


def _up_to_the_hour(path: str) -> str:
    """`.../events_20261126T17`: a portion's names lie in few hours, while its day may have hundreds of thousands."""
    folder_and_day, t, rest = path.partition("T")
    return folder_and_day + t + rest[:_HOUR]


def _reason(blob: BlobProperties, due_bytes: int) -> str:
    if blob.has_legal_hold:
        return "under legal hold"
    if blob.immutability_policy.expiry_time is not None:
        return f"{IMMUTABLE} until {blob.immutability_policy.expiry_time:%Y-%m-%d %H:%M} UTC"
    if blob.blob_tier == StandardBlobTier.ARCHIVE:
        return "in the archive tier"
    return "" if blob.size == due_bytes else OTHER
