"""PostgreSQL as it is at one moment, read for as long as a run takes. The SQL stands in queries/reconcile.sql."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, Self

import pyarrow as pa
from psycopg import Connection

from payments_core.event import AMOUNT, TIMESTAMP
from payments_storage.connect import Pool, transaction
from payments_storage.reconcile.copied import copied
from payments_storage.sql import load_queries

_SQL: Final = load_queries("reconcile")
_FETCH: Final = 1000

INDEX_ROWS: Final = pa.schema([("event_id", pa.string()), ("payload_hash", pa.int64()), ("enqueued_on", pa.date32())])
METRIC_ROWS: Final = pa.schema(
    [
        ("transaction_id", pa.string()),
        ("correlation_id", pa.string()),
        ("metric_type", pa.string()),
        ("metric_value", AMOUNT),
        ("unit", pa.string()),
        ("created_at", TIMESTAMP),
    ]
)


class Snapshot:
    """What one transaction sees. Raises StorageError."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._cursors = count()

    @classmethod
    @contextmanager
    def open(cls, pool: Pool) -> Iterator[Self]:
        with transaction(pool, seconds=None) as connection:
            connection.execute(_SQL["begin_snapshot"])
            yield cls(connection)

    def rows(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        """The whole result, for what is small."""
        return self._connection.execute(statement, parameters).fetchall()

    def each(self, statement: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """The rows, fetched as they are needed: other statements may run in between."""
        with self._connection.cursor(f"reconcile_{next(self._cursors)}") as cursor:
            cursor.itersize = _FETCH
            cursor.execute(statement, parameters)
            yield from cursor

    def copied(self, statement: str, schema: pa.Schema, **parameters: object) -> Iterator[pa.Table]:
        """The rows of a COPY in CSV as tables, to be taken to the end."""
        return copied(self._connection, statement, schema, parameters)
