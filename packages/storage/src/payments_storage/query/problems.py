"""Files that cannot be read: why, and what to do. An answer that lacks events never passes for a whole one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from payments_storage.errors import PermanentStorageError, blob_errors
from payments_storage.query.files import Candidate, Files

_NAMED: Final = 5


class Reason(StrEnum):
    """Why a file gave no events."""

    GONE = "is not there, although the manifest has it: `payments reconcile` says what is missing"
    REPLACED = "was taken away while it was read, for another has its events now: ask again"
    EMPTY = "is empty (0 bytes)"
    CUT = "has another size than when it was listed, so it is half-written or was written anew: `payments reconcile`"
    UNREADABLE = "cannot be read as Parquet"
    NO_ARCHIVE_FILE = "is no archive file: columns are missing that every version has"
    OTHER_ROWS = "has another number of events than the manifest says: `payments reconcile` compares them"


@dataclass(frozen=True, slots=True)
class Problem:
    """A file whose events are missing in the answer."""

    path: str
    reason: Reason

    def __str__(self) -> str:
        return f"{self.path} {self.reason.value}"


class IncompleteAnswerError(PermanentStorageError):
    """Raised at the end of an answer: what came before is right, and lacks the events of these files."""

    def __init__(self, problems: list[Problem]) -> None:
        named = [f"  {problem}" for problem in problems[:_NAMED]]
        more = [f"  and {len(problems) - _NAMED:,} more"] if len(problems) > _NAMED else []
        head = f"The answer is incomplete: {len(problems):,} files could not be read."
        super().__init__("\n".join([head, *named, *more]))
        self.problems = problems


class UnreadableFileError(Exception):
    """Inside the reader only: this file, for this reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class ArchivedFileError(PermanentStorageError):
    """A file is in the archive tier: nothing of it can be read before it is rehydrated."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is in the archive tier")
        self.path = path


def judge(candidate: Candidate, files: Files, container: ContainerClient) -> Problem | None:
    """What is wrong with a file that could not be read; None if it looks healthy, and may be tried once more.

    Raises ArchivedFileError, and StorageError where Blob Storage itself is away.
    """
    try:
        with blob_errors(f"look at {candidate.path}"):
            properties = container.get_blob_client(candidate.path).get_blob_properties()
    except PermanentStorageError as error:
        if not isinstance(error.__cause__, ResourceNotFoundError):
            raise
        return Problem(candidate.path, Reason.GONE if files.counts(candidate.path) else Reason.REPLACED)
    if properties.blob_tier == "Archive":
        raise ArchivedFileError(candidate.path)
    if properties.size == 0:
        return Problem(candidate.path, Reason.EMPTY)
    if properties.size != candidate.bytes:
        return Problem(candidate.path, Reason.CUT)
    return None
