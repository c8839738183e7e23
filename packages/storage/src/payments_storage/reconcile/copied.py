"""The rows of a COPY TO STDOUT as tables.

PostgreSQL sends a message for each row. psycopg's own loop takes 0.7 us for one, more than all that is then done with
it. Here psycopg only waits, within the connection's deadline, and rows that have arrived are taken from libpq at once.
"""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
from psycopg import ClientCursor, Connection
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.generators import execute, fetch_many
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.waiting import Wait
from pyarrow import csv

_BLOCK_BYTES: Final = 1 << 20


def copied(
    connection: Connection[Any], statement: str, schema: pa.Schema, parameters: dict[str, object]
) -> Iterator[pa.Table]:
    """The rows of a COPY in CSV, to be taken to the end. Raises what psycopg raises."""
    copy = _Copy(connection)
    copy.begin(ClientCursor(connection).mogrify(statement, parameters).encode())
    # Block by block: Arrow's streaming reader fetches up to 32 of them ahead.
    while block := copy.read():
        yield csv.read_csv(
            pa.BufferReader(block),
            read_options=csv.ReadOptions(column_names=schema.names, block_size=len(block), use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )


class _Copy:
    """What the server sends, in blocks of whole rows."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._ended = False

    def begin(self, statement: bytes) -> None:
        self._connection.pgconn.send_query(statement)
        self._expect(self._connection.wait(execute(self._connection.pgconn)), ExecStatus.COPY_OUT)

    def read(self) -> bytearray:
        """Empty at the end."""
        return bytearray() if self._ended else self._connection.wait(self._take())

    def _take(self) -> PQGen[bytearray]:
        """A block, or all that is left. Yields where there is something to wait for."""
        pgconn = self._connection.pgconn
        found = bytearray()
        while len(found) < _BLOCK_BYTES:
            count, row = pgconn.get_copy_data(1)
            if count > 0:
                found += row
            elif count == 0:
                while not (yield Wait.R):
                    pass
                pgconn.consume_input()
            else:
                self._ended = True
                self._expect((yield from fetch_many(pgconn)), ExecStatus.COMMAND_OK)
                break
        return found

    def _expect(self, results: list[PGresult], status: ExecStatus) -> None:
        for result in results:
            if result.status != status:
                raise error_from_result(result)
