"""Which files of a day count, from the blobs alone: the notes of compactions tell (`compact.note`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from azure.storage.blob import ContainerClient

from payments_storage.archive_path import ROOT, day_folder
from payments_storage.compact.note import FOLDER, Note
from payments_storage.compact.output import PREFIX
from payments_storage.errors import blob_errors

_SUFFIX: Final = ".parquet"


@dataclass(frozen=True, slots=True)
class CountingFile:
    """`compaction` made it, or a batch did; the hub of a batch's file is not known to it."""

    path: str
    bytes: int
    compaction: UUID | None = None
    event_hub: str | None = None


def counting_files(container: ContainerClient, day: date) -> Iterator[CountingFile]:
    """In order of their names, compacted ones first. Left out are originals that were replaced, and compacted files
    without a note: their originals are there.
    """
    made: dict[str, Note] = {}
    replaced: set[str] = set()
    for note in _notes(container, day):
        made |= dict.fromkeys(note.made, note)
        replaced.update(note.replaced)
    prefix = f"{day_folder(day)}/"
    with blob_errors(f"list {prefix}"):
        for blob in container.list_blobs(name_starts_with=prefix):
            compacted = blob.name.rpartition("/")[2].startswith(PREFIX)
            if not blob.name.endswith(_SUFFIX) or blob.name in replaced or (compacted and blob.name not in made):
                continue
            if compacted:
                by = made[blob.name]
                yield CountingFile(blob.name, blob.size, by.compaction, by.event_hub)
            else:
                yield CountingFile(blob.name, blob.size)


def _notes(container: ContainerClient, day: date) -> Iterator[Note]:
    prefix = f"{day_folder(day).replace(ROOT, FOLDER, 1)}/"
    with blob_errors(f"list {prefix}"):
        paths = list(container.list_blob_names(name_starts_with=prefix))
    for path in paths:
        note = Note.read(container, path)
        if note is not None:
            yield note
