"""Writes the events of an answer: JSON lines, CSV or Parquet as a stream, or a table for people."""

import sys
from enum import StrEnum
from typing import BinaryIO, Final, Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv
from rich.console import Console
from rich.table import Table

from payments.archive.text import as_text
from payments.failed.text import safe

_ROW_GROUP: Final = 65_536
_WIDTH: Final = 180  # where the output is no terminal
_RIGHT: Final = frozenset({"amount", "sequence_number", "redactions"})


class Format(StrEnum):
    """`--format`."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Writer(Protocol):
    """Takes an answer batch by batch."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """One object a line. `event_payload` is the text of the event's body, as it came."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, batch: pa.RecordBatch) -> None:
        self._file.write(self._encode(as_text(batch).to_pylist()))

    def close(self) -> None:
        self._file.flush()


class Csv:
    """With a header, also where no event follows."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        empty = pa.RecordBatch.from_pylist([], schema)
        self._writer = csv.CSVWriter(file, as_text(empty).schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_table(as_text(batch))

    def close(self) -> None:
        self._writer.close()


class Parquet:
    """The types of the archive, in row groups of a size that readers like."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(file, schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        if sum(each.num_rows for each in self._waiting) >= _ROW_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting = []


class Shown:
    """A table on a terminal, the events in the order of their time; for as many as a person reads."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file = file
        self._schema = schema
        self._batches: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        self._batches.append(batch)

    def close(self) -> None:
        events = pa.Table.from_batches(self._batches, self._schema)
        if not events.num_rows:
            return
        if "occurred_at" in self._schema.names:
            events = events.sort_by("occurred_at")
        texts = as_text(events.combine_chunks().to_batches()[0])
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in texts.column_names:
            table.add_column(name, justify="right" if name in _RIGHT else "left", overflow="fold")
        for row in zip(*(column.to_pylist() for column in texts.columns), strict=True):
            table.add_row(*("" if value is None else safe(str(value)) for value in row))
        console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH)
        with console.capture() as shown:
            console.print(table)
        self._file.write(shown.get().encode())


def open_writer(kind: Format, file: BinaryIO, schema: pa.Schema) -> Writer:
    if kind is Format.JSONL:
        return JsonLines(file)
    writers: dict[Format, type[Csv | Parquet | Shown]] = {
        Format.CSV: Csv,
        Format.PARQUET: Parquet,
        Format.TABLE: Shown,
    }
    return writers[kind](file, schema)
