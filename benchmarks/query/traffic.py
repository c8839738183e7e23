"""Realistic archive rows, a million in some seconds: real parsed events, and copies of them under other ids and times.

A copy is another transaction: its ids and times differ. Its payload is that of the original, which costs a file as
much: rows of a transaction lie side by side in both. The same arguments give the same rows.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments.produce.stream import Counts, Recipe, lines
from payments_core.batch import Parser
from payments_core.event import TIMESTAMP, Delivery
from payments_core.rules import MetricRule
from payments_storage.raw_event import RAW_EVENT_SCHEMA

_END: Final = datetime(2026, 8, 1, tzinfo=UTC)
_DELIVERY: Final = 2_000
_PARTITIONS: Final = 8
_IDS: Final = ("transaction_id", "event_id", "correlation_id")
_HEX: Final = "0123456789abcdef"


class Traffic:
    """`base` events are made and parsed once; what is asked for beyond them are copies."""

    def __init__(self, rules: tuple[MetricRule, ...], base: int = 300_000, seed: int = 1) -> None:
        recipe = Recipe(events=base, seed=seed, end=_END, span=timedelta(hours=1))
        bodies = [line.rstrip(b"\n") for line in lines(recipe, Counts())]
        parser = Parser(rules)
        tables = []
        for first in range(0, len(bodies), _DELIVERY):
            part = bodies[first : first + _DELIVERY]
            delivery = Delivery("payments", "0", part, list(range(first, first + len(part))), [_END] * len(part))
            tables.append(parser.parse_and_normalize(delivery).events.select(RAW_EVENT_SCHEMA.names))
        self._base = pa.concat_tables(tables).combine_chunks()
        self._texts = {name: self._base[name].to_pylist() for name in _IDS}

    def events(self, count: int, start: datetime, span: timedelta, seed: int = 0) -> Iterator[pa.Table]:
        """`count` events that occur evenly from `start` on for `span`, in that order, in tables of at most `base`."""
        step = span // timedelta(microseconds=1) / count
        for number, first in enumerate(range(0, count, len(self._base))):
            rows = min(len(self._base), count - first)
            times = [int((first + row) * step) for row in range(rows)]
            yield self._copy(rows, Random(f"{seed} {number}"), first, start, times)  # noqa: S311 - invented data

    def _copy(self, rows: int, random: Random, first: int, start: datetime, times: list[int]) -> pa.Table:
        columns = {name: self._base[name].slice(0, rows) for name in RAW_EVENT_SCHEMA.names}
        # Without the 4 and the a, which say in a UUID that it is one.
        digits = _HEX.replace("4", "").replace("a", "")
        table = str.maketrans(digits, "".join(random.sample(digits, len(digits))))
        for name in _IDS:
            new = [text and text.translate(table) for text in self._texts[name][:rows]]
            columns[name] = pa.array(new, pa.string())
        moments = pc.add(pa.scalar(start, TIMESTAMP), pa.array(times, pa.duration("us")))
        columns["occurred_at"] = moments
        columns["enqueued_at"] = pc.add(moments, pa.scalar(timedelta(seconds=1), pa.duration("us")))
        numbers = range(first, first + rows)
        columns["partition_id"] = pa.array([str(number // 1_000 % _PARTITIONS) for number in numbers])
        columns["sequence_number"] = pa.array(numbers, pa.int64())
        return pa.table([columns[name] for name in RAW_EVENT_SCHEMA.names], RAW_EVENT_SCHEMA)
