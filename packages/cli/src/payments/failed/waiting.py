"""The other half of the queue: deliveries, and parked parts of some, which the redrive brings back."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from payments_storage.dead_letters import DeadLetters
from payments_storage.errors import StorageError

_STAMP: Final = re.compile(r"^[^/]+/(\d{8}T\d{12})Z_")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Deliveries that wait, whole or a parked part, and such as could not be read. `problem`: nobody could look.

    `oldest` is the oldest event of those that wait, `attempts` the most that one of them has had.
    """

    pending: int = 0
    parked: int = 0
    oldest: datetime | None = None
    attempts: int = 0
    unreadable: int = 0
    problem: str | None = None


def waiting_deliveries(letters: DeadLetters) -> Waiting:
    try:
        pending, parked = list(letters.pending()), list(letters.parked())
        first = [_enqueued_at(each[0].name) for each in (pending, parked) if each]
        return Waiting(
            pending=len(pending),
            parked=len(parked),
            oldest=min(filter(None, first), default=None),
            attempts=max((letter.attempts for letter in pending + parked), default=0),
            unreadable=sum(1 for _ in letters.unreadable()),
        )
    except StorageError as error:
        return Waiting(problem=str(error))


def _enqueued_at(name: str) -> datetime | None:
    """When the hub took the first event, which a letter's name begins with."""
    found = _STAMP.match(name)
    try:
        return datetime.strptime(found[1], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC) if found else None
    except ValueError:  # digits that are no time: somebody else's file, which the redrive will set aside
        return None
