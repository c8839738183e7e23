"""Files in the archive tier, on the command line: named, asked for, waited for."""

import time
from collections.abc import Callable
from typing import Final

from azure.storage.blob import RehydratePriority

from payments.archive.explained import size_text
from payments.errors import UserError
from payments_storage.query.query import ArchiveQuery
from payments_storage.query.rehydrate import Archived, find_archived, rehydrate
from payments_storage.query.wanted import Wanted

POLL_SECONDS: Final = 60.0
_LONGEST_SECONDS: Final = 48 * 3600
"""Azure brings a file at standard priority within 15 hours."""


def bring_back(
    archive: ArchiveQuery,
    wanted: Wanted,
    *,
    priority: RehydratePriority | None,
    wait: bool,
    say: Callable[[str], None],
) -> None:
    """Asks for archived files (with a priority), and waits until all are there. Raises UserError while some are not."""
    archived = find_archived(archive, wanted)
    if archived and priority is not None:
        asked = rehydrate(archive.container, archived, priority)
        say(f"Asked for {asked:,} of {_files(archived)}: {priority.value.lower()} priority.")
        archived = find_archived(archive, wanted)
    deadline = time.monotonic() + _LONGEST_SECONDS
    while wait and archived and all(file.requested for file in archived) and time.monotonic() < deadline:
        say(f"Waiting for {_files(archived)}.")
        time.sleep(POLL_SECONDS)
        archived = find_archived(archive, wanted)
    if archived:
        raise UserError(explanation(archive, archived))


def explanation(archive: ArchiveQuery, archived: list[Archived]) -> str:
    """Which files, and what to do."""
    coming = sum(file.requested for file in archived)
    first = archived[0].path
    lines = [f"{_files(archived)} are in the archive tier, which cannot be read. The first: {first}"]
    if coming == len(archived):
        return "\n".join([*lines, "All have been asked for, and take up to 15 hours. Ask again then, or add --wait."])
    if coming:
        lines.append(f"{coming:,} of them are on their way.")
    container = archive.container
    blob = f"{container.account_name} --container-name {container.container_name} --name '{first}'"
    lines += [
        "Add --rehydrate to ask for them (up to 15 hours; --priority high: often within one), and --wait to go on when",
        "they are there. By hand, one of them:",
        f"  az storage blob set-tier --account-name {blob} --tier Hot --auth-mode login",
    ]
    return "\n".join(lines)


def _files(archived: list[Archived]) -> str:
    return f"{len(archived):,} files ({size_text(sum(file.bytes for file in archived))})"
