"""Columns of the archive as text: amounts with the decimals of their currency, times as RFC 3339."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.currency import MINOR_UNITS
from payments_core.event import AMOUNT

_CODES: Final = pa.array(list(MINOR_UNITS))
_DECIMALS: Final = pa.array(list(MINOR_UNITS.values()), pa.int8())


def as_text(batch: pa.RecordBatch) -> pa.Table:
    """The same columns; those that JSON and CSV have no type for are texts."""
    table = pa.Table.from_batches([batch])
    for place, field in enumerate(batch.schema):
        column = table[field.name]
        if field.type == AMOUNT:
            column = amounts(column, table["currency"] if "currency" in table.column_names else None)
        elif pa.types.is_timestamp(field.type):
            column = pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
        table = table.set_column(place, field.name, column)
    return table


def amounts(amount: pa.ChunkedArray, currency: pa.ChunkedArray | None) -> pa.ChunkedArray:
    """Exact: only zeros beyond the currency's minor unit are left out; without a currency all that mean nothing."""
    texts = amount.cast(pa.string())
    nothing = pa.scalar(0, pa.int8())
    if currency is None:
        return _trimmed(texts, 0)
    decimals = pc.fill_null(pc.take(_DECIMALS, pc.index_in(currency, _CODES)), nothing)
    for number in pc.unique(decimals).to_pylist():
        texts = pc.if_else(pc.equal(decimals, pa.scalar(number, pa.int8())), _trimmed(texts, number), texts)
    return texts


def _trimmed(texts: pa.ChunkedArray, decimals: int) -> pa.ChunkedArray:
    trimmed = pc.replace_substring_regex(texts, rf"^(-?[0-9]+\.[0-9]{{{decimals}}}[0-9]*?)0*$", r"\1")
    return pc.utf8_rtrim(trimmed, ".")
