"""Rows of an aggregate table of a span, as the archive gives them, against those that are stored, to the last digit."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_core.aggregates import EPOCH, window_start
from payments_storage.reconcile.findings import Check, Kind
from payments_storage.reconcile.span import Span

KEY_WIDTH: Final = 4
_PIECE: Final = timedelta(hours=1)
_MICROSECOND: Final = timedelta(microseconds=1)


def pieces(span: Span) -> Iterator[Span]:
    """The span hour by hour: no more rows than those of an hour are held as Python objects."""
    start = span.start
    while start < span.end:
        end = min(start - (start - EPOCH) % _PIECE + _PIECE, span.end)
        yield Span(start, end)
        start = end


def windows(rows: pa.Table, span: Span, length: timedelta) -> pa.Table:
    """The rows whose windows of this length lie in the span, `start` (int64, microseconds) now being the window's."""
    starts = window_start(rows["start"], length)
    first, end = (pa.scalar((moment - EPOCH) // _MICROSECOND, pa.int64()) for moment in (span.start, span.end - length))
    inside = pc.and_(pc.greater_equal(starts, first), pc.less_equal(starts, end))
    return rows.set_column(rows.schema.get_field_index("start"), "start", starts).filter(inside)


def compare_rows(
    expected: dict[tuple[Any, ...], tuple[Any, ...]],
    stored: Iterable[tuple[Any, ...]],
    fields: tuple[str, ...],
    kind: Kind,
    check: Check,
) -> None:
    """Takes the rows out of `expected` as they come: what is left is missing."""
    for row in stored:
        key, values = row[:KEY_WIDTH], row[KEY_WIDTH:]
        due = expected.pop(key, None)
        if due is None:
            check.differs(kind, _where(key), None, f"count {values[0]}")
        elif due != values:
            wrong = [place for place, (left, right) in enumerate(zip(due, values, strict=True)) if left != right]
            texts = (", ".join(_text(fields[place], side[place]) for place in wrong) for side in (due, values))
            check.differs(kind, _where(key), *texts)
    for key, due in expected.items():
        check.differs(kind, _where(key), f"count {due[0]}", None)


def _where(key: tuple[Any, ...]) -> str:
    return " ".join(f"{part:%Y-%m-%dT%H:%M:%SZ}" if isinstance(part, datetime) else str(part) for part in key)


def _text(name: str, value: Any) -> str:
    """A packed histogram is a wall of digits: it is enough to say that it differs."""
    if name.endswith("buckets"):
        return name
    return f"{name} {value.normalize():f}" if isinstance(value, Decimal) else f"{name} {value}"
