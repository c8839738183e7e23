"""Files in the archive tier: which ones a question needs, and asking for them back. Azure takes hours to bring them."""

from collections.abc import Iterator
from dataclasses import dataclass

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient, RehydratePriority, StandardBlobTier

from payments_storage.archive_path import day_folder
from payments_storage.errors import PermanentStorageError, blob_errors
from payments_storage.query.explain import Explain
from payments_storage.query.query import ArchiveQuery
from payments_storage.query.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Archived:
    """A file that cannot be read yet; `requested`: it has been asked for and is on its way."""

    path: str
    bytes: int
    requested: bool


def find_archived(archive: ArchiveQuery, wanted: Wanted) -> list[Archived]:
    """Of the files that the question needs, those in the archive tier: by a listing of each day that has some."""
    found: list[Archived] = []
    for day in archive.files.days(wanted, Explain()):
        needed = {file.path for file in day.files}
        if needed:
            found += _archived(archive.container, f"{day_folder(day.day)}/", needed)
    return found


def rehydrate(container: ContainerClient, files: list[Archived], priority: RehydratePriority) -> int:
    """Asks for those that nobody has asked for, to the hot tier, where a short stay costs no more. Returns how many.

    Standard priority takes up to 15 hours; high often one for files below 10 GB, at several times the price.
    """
    asked = 0
    for file in files:
        if file.requested:
            continue
        try:
            with blob_errors(f"rehydrate {file.path}"):
                blob = container.get_blob_client(file.path)
                blob.set_standard_blob_tier(StandardBlobTier.HOT, rehydrate_priority=priority)
        except PermanentStorageError as error:
            if not isinstance(error.__cause__, ResourceNotFoundError):  # compacted meanwhile: another has its events
                raise
        else:
            asked += 1
    return asked


def _archived(container: ContainerClient, prefix: str, needed: set[str]) -> Iterator[Archived]:
    with blob_errors(f"list {prefix}"):
        for blob in container.list_blobs(prefix):
            if blob.name in needed and blob.blob_tier == StandardBlobTier.ARCHIVE:
                yield Archived(blob.name, blob.size, blob.archive_status is not None)
