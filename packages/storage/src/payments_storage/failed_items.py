"""The dead-letter queue as people work on it: what is there, and the locked steps of a replay or a discard.

Nothing here processes an event. Every method raises StorageError, and is one transaction that lasts at most minutes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, Cursor
from psycopg.rows import class_row

from payments_core.event import Delivery, Rejection
from payments_storage.connect import set_deadline
from payments_storage.errors import database_errors
from payments_storage.sql import load_queries

_SQL: Final = load_queries("failed_items")
_CHOSEN: Final = _SQL["chosen"]
_SECONDS: Final = 60
_LOCK_SECONDS: Final = 600  # the pipeline's own limits end its work long before


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are meant; None leaves everything in. `since` (inclusive) and `until` are times of `created_at`."""

    ids: list[int] | None = None
    statuses: list[str] | None = None
    codes: list[str] | None = None
    stages: list[str] | None = None
    event_hub: str | None = None
    partition_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    transaction_id: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """Entries of one stage, code and status. `by_redrive` of them are tried again without anybody's help."""

    stage: str
    error_code: str
    status: str
    events: int
    oldest: datetime
    newest: datetime
    attempts: int
    by_redrive: int


@dataclass(frozen=True, slots=True)
class FailedItem:
    """One entry; the fields are the columns of the table, without the payload."""

    failed_item_id: int
    status: str
    stage: str
    error_code: str
    message: str
    detail: dict[str, Any]
    event_hub: str
    partition_id: str
    sequence_number: int
    enqueued_at: datetime
    event_id: str | None
    transaction_id: str | None
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A pending entry that was chosen for a replay or a discard, in the state that the person was shown."""

    failed_item_id: int
    attempts: int
    stage: str
    error_code: str
    event_hub: str
    partition_id: str
    bytes: int


class FailedItems:
    """On a connection of its own, since entries stay locked while the pipeline uses the pool's connections."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def summary(self, filters: Filters) -> list[SummaryRow]:
        with self._transaction(), self._connection.cursor(row_factory=class_row(SummaryRow)) as cursor:
            return cursor.execute(_of_chosen(_SQL["summary"]), asdict(filters)).fetchall()

    def items(self, filters: Filters, limit: int, *, oldest_first: bool = False) -> list[FailedItem]:
        parameters = {**asdict(filters), "limit": limit, "direction": 1 if oldest_first else -1}
        with self._transaction(), self._connection.cursor(row_factory=class_row(FailedItem)) as cursor:
            return cursor.execute(_of_chosen(_SQL["items"]), parameters).fetchall()

    def payload(self, failed_item_id: int) -> bytes:
        with self._transaction() as cursor:
            ((payload,),) = cursor.execute(_SQL["payload"], {"id": failed_item_id}).fetchall()
            return bytes(payload)

    def choose(self, filters: Filters) -> list[Chosen]:
        """The pending ones, by hub and partition in the order of their events."""
        with self._transaction(), self._connection.cursor(row_factory=class_row(Chosen)) as cursor:
            return cursor.execute(_of_chosen(_SQL["choose"]), asdict(filters)).fetchall()

    def read(self, chosen: list[Chosen]) -> Delivery:
        """The events of entries of one partition."""
        with self._transaction() as cursor:
            rows = cursor.execute(_SQL["read"], {"ids": _ids(chosen)}).fetchall()
        return _delivery(chosen[0], rows)

    @contextmanager
    def locked(self, chosen: list[Chosen]) -> Iterator["LockedItems"]:
        """Locks entries of one partition, without those that somebody else has or had; what is marked inside commits
        with the block. If the block raises, or this process dies, they are as they were.
        """
        with self._transaction(_LOCK_SECONDS) as cursor:
            cursor.execute(_SQL["keep_locks"])
            rows = cursor.execute(_SQL["lock"], _known(chosen)).fetchall()
            yield LockedItems(cursor, [row[0] for row in rows], _delivery(chosen[0], rows))

    def archive_now(self, chosen: list[Chosen]) -> None:
        """Makes entries of stage `archive` due for `DeferredArchive`."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["archive_now"], {"ids": _ids(chosen)})

    def still_pending(self, chosen: list[Chosen]) -> list[tuple[str, bool, int]]:
        """Error code, whether tried since, and how many entries."""
        with self._transaction() as cursor:
            return cursor.execute(_SQL["still_pending"], _known(chosen)).fetchall()

    def discard(self, chosen: list[Chosen], reason: str, by: str) -> int:
        """Gives them up, and returns how many: not those that somebody else has dealt with meanwhile, nor any event
        that counts and is not archived.
        """
        with self._transaction() as cursor:
            return cursor.execute(_SQL["discard"], {**_known(chosen), "reason": reason, "by": by}).rowcount

    @contextmanager
    def _transaction(self, seconds: float = _SECONDS) -> Iterator[Cursor[Any]]:
        with database_errors():
            set_deadline(self._connection, seconds)
            with self._connection.transaction(), self._connection.cursor() as cursor:
                yield cursor


@dataclass(frozen=True, slots=True)
class LockedItems:
    """Entries that nobody else touches; `ids` are in step with the events of `delivery`."""

    cursor: Cursor[Any]
    ids: list[int]
    delivery: Delivery

    def mark(self, masked: Delivery, rejections: list[Rejection], by: str) -> None:
        """Those rejected stay, with the reason of today; the others are replayed, by this person.

        `masked` is `delivery` as the guard masks it today. Only to be called when the pipeline has committed: its own
        claim of a position waits for whoever is changing the entry there.
        """
        self._mask(masked)
        rejected = {rejection.index for rejection in rejections}
        replayed = [number for index, number in enumerate(self.ids) if index not in rejected]
        self.cursor.execute(_SQL["mark_replayed"], {"ids": replayed, "by": by})
        parameters = {
            "ids": [self.ids[rejection.index] for rejection in rejections],
            "stages": [rejection.stage.value for rejection in rejections],
            "codes": [rejection.code.value for rejection in rejections],
            "messages": [rejection.message for rejection in rejections],
            "fields": [rejection.field for rejection in rejections],
            "event_ids": [rejection.event_id for rejection in rejections],
            "transaction_ids": [rejection.transaction_id for rejection in rejections],
        }
        self.cursor.execute(_SQL["mark_rejected"], parameters)

    def _mask(self, masked: Delivery) -> None:
        found = [index for index, body in enumerate(masked.bodies) if body is not self.delivery.bodies[index]]
        parameters = {
            "ids": [self.ids[index] for index in found],
            "payloads": [masked.bodies[index] for index in found],
            "redactions": [masked.redactions[index] for index in found],
        }
        self.cursor.execute(_SQL["mask"], parameters)


def _of_chosen(statement: str) -> str:
    return statement.replace("(chosen)", f"({_CHOSEN})")


def _ids(chosen: list[Chosen]) -> list[int]:
    return [each.failed_item_id for each in chosen]


def _known(chosen: list[Chosen]) -> dict[str, Any]:
    """What tells an entry that somebody else has tried since."""
    return {"ids": _ids(chosen), "attempts": [each.attempts for each in chosen]}


def _delivery(place: Chosen, rows: list[Any]) -> Delivery:
    _, bodies, numbers, times, redactions = ([*column] for column in zip(*rows, strict=True)) if rows else ([],) * 5
    masked = {index: count for index, count in enumerate(redactions) if count}
    return Delivery(place.event_hub, place.partition_id, bodies, numbers, times, masked)
