"""The rows of a COPY TO STDOUT as tables.

PostgreSQL sends a message for each row. psycopg's own loop takes 0.7 us for one, more than all that is then done with
it; libpq hands them out in a fifth of that, at the price that nothing interrupts it while it waits for the server.
"""

from collections.abc import Iterator
from io import RawIOBase
from typing import Any, Final

import pyarrow as pa
from psycopg import ClientCursor, Connection
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from pyarrow import csv

_BLOCK_BYTES: Final = 2 << 20


def copied(
    connection: Connection[Any], statement: str, schema: pa.Schema, parameters: dict[str, object]
) -> Iterator[pa.Table]:
    """The rows of a COPY in CSV, to be taken to the end. Raises what psycopg raises."""
    copy = _Copy(connection.pgconn)
    copy.begin(ClientCursor(connection).mogrify(statement, parameters).encode())
    first = copy.read(_BLOCK_BYTES)
    if not first:
        return
    reader = csv.open_csv(
        _Continued(first, copy),
        read_options=csv.ReadOptions(column_names=schema.names, block_size=_BLOCK_BYTES),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    for batch in reader:
        yield pa.Table.from_batches([batch], schema)


class _Copy(RawIOBase):
    """What the server sends, as a file."""

    def __init__(self, pgconn: PGconn) -> None:
        self._pgconn = pgconn
        self._ended = False

    def begin(self, statement: bytes) -> None:
        self._expect(self._pgconn.exec_(statement), ExecStatus.COPY_OUT)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = bytearray()
        take = self._pgconn.get_copy_data
        while not self._ended and not 0 <= size <= len(found):
            count, row = take(0)  # waits
            if count > 0:
                found += row
            else:
                self._end()
        return bytes(found)

    def _end(self) -> None:
        """There is the result of the whole, and then nothing."""
        self._ended = True
        while (result := self._pgconn.get_result()) is not None:
            self._expect(result, ExecStatus.COMMAND_OK)

    def _expect(self, result: PGresult, status: ExecStatus) -> None:
        if result.status != status:
            raise error_from_result(result)


class _Continued(RawIOBase):
    """A file of which the beginning was read already."""

    def __init__(self, first: bytes, rest: _Copy) -> None:
        self._first = first
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        first, self._first = self._first, b""
        return first or self._rest.read(size)
