"""Writes the archive files of events that were counted without one (failed_items, stage archive)."""

from typing import Any, Final

from azure.storage.blob import ContainerClient
from psycopg import Cursor

from payments_core.batch import Parser
from payments_core.errors import ErrorCode, Stage
from payments_core.event import Delivery
from payments_storage import tables
from payments_storage.archive_path import split_by_days
from payments_storage.connect import Pool, container_answers, transaction
from payments_storage.errors import DatabaseUnavailableError, EventRefusedError, StorageError
from payments_storage.raw_event_store import BlobRawEventStore, FileExistsInArchiveError
from payments_storage.sql import load_queries
from payments_storage.unit_of_work import ATTEMPT_SECONDS, replace_orphans

MAX_ATTEMPTS: Final = 20
"""With the pauses between them about 15 hours of a Blob Storage that answers and yet takes no file."""
_FILE_EVENTS: Final = 1000
_SQL: Final = load_queries("redrive")


class DeferredArchive:
    """Two at once work on different events: the rows are locked while their file is written."""

    def __init__(self, pool: Pool, container: ContainerClient, parser: Parser) -> None:
        self._pool = pool
        self._container = container
        self._parser = parser

    def write_next(self, limit: int = _FILE_EVENTS) -> int:
        """Deals with events that are due, of one partition, and returns how many: archived, postponed or given up.
        Those of days beyond `archive_path.DAYS_AT_MOST` stay due.

        Raises StorageError while a service is away; then nothing has changed.
        """
        ids: list[int] = []
        try:
            with transaction(self._pool, ATTEMPT_SECONDS) as connection:
                cursor = connection.cursor()
                delivery = _lock(cursor, limit, ids)
                if delivery is not None:
                    return self._write(cursor, delivery, ids)
        except EventRefusedError as refusal:
            if len(ids) > 1:
                return self.write_next(len(ids) // 2)
            self._give_up(ids[0], refusal.code, str(refusal))
        except DatabaseUnavailableError:
            raise
        except StorageError as error:
            if not container_answers(self._container):
                raise
            parameters = {"ids": ids, "message": str(error), "max_attempts": MAX_ATTEMPTS}
            with transaction(self._pool, ATTEMPT_SECONDS) as connection:
                connection.execute(_SQL["postpone"], parameters)
        return len(ids)

    def _write(self, cursor: Cursor[Any], delivery: Delivery, ids: list[int]) -> int:
        batch = self._parser.parse_and_normalize(delivery)
        events, _ = split_by_days(batch.events)
        store = BlobRawEventStore(self._container, max_events=len(events) + 1)
        store.append(events)
        try:
            files = store.flush()
        except FileExistsInArchiveError:
            files = replace_orphans(cursor, store)
        tables.insert_files(cursor, delivery.event_hub, files)
        archived = [ids[index] for index in events["index"].to_pylist()]
        cursor.execute(_SQL["resolve"], {"ids": archived, "by": "redrive"})
        for rejection in batch.rejections:  # it was valid when it was counted: the rules have changed since
            self._note(cursor, ids[rejection.index], rejection.code, rejection.message)
        return len(archived) + len(batch.rejections)

    def _give_up(self, number: int, code: ErrorCode, message: str) -> None:
        with transaction(self._pool, ATTEMPT_SECONDS) as connection:
            self._note(connection.cursor(), number, code, message)

    def _note(self, cursor: Cursor[Any], number: int, code: ErrorCode, message: str) -> None:
        """It stays at stage archive: the event counts already, and must not go through the pipeline again."""
        parameters = {"id": number, "stage": Stage.ARCHIVE.value, "code": code.value, "message": message}
        cursor.execute(_SQL["give_up"], parameters)


def _lock(cursor: Cursor[Any], limit: int, ids: list[int]) -> Delivery | None:
    """Locks due rows of one partition and gives their events as a delivery; `ids` receives theirs, in step."""
    found = cursor.execute(_SQL["next_deferred_partition"]).fetchall()
    if not found:
        return None
    event_hub, partition_id = found[0]
    parameters = {"event_hub": event_hub, "partition_id": partition_id, "limit": limit}
    rows = cursor.execute(_SQL["lock_deferred"], parameters).fetchall()
    if not rows:
        return None
    numbers, bodies, sequence_numbers, enqueued_at, redactions = (list(column) for column in zip(*rows, strict=True))
    ids += numbers
    masked = {index: count for index, count in enumerate(redactions) if count}
    return Delivery(event_hub, partition_id, bodies, sequence_numbers, enqueued_at, masked)
