"""The archive against ingested_events: every event once, with the same payload and the same enqueue day."""

from collections.abc import Iterator
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments_storage.reconcile.compare import Row, Unshared
from payments_storage.reconcile.findings import Check, Kind
from payments_storage.reconcile.fingerprint import fingerprints
from payments_storage.reconcile.payloads import index_rows
from payments_storage.reconcile.snapshot import INDEX_ROWS, Snapshot
from payments_storage.reconcile.span import Span
from payments_storage.reconcile.two_sides import TwoSides
from payments_storage.sql import load_queries

_SQL: Final = load_queries("reconcile")

_BUCKETS: Final = pa.scalar((1 << 14) - 1, pa.int64())


class Index:
    """A whole day is compared both ways. Of a part of a day the index knows nothing: there each event is looked up."""

    def __init__(self, snapshot: Snapshot, span: Span, first_day_kept: date, check: Check) -> None:
        self._snapshot = snapshot
        self._span = span
        self._check = check
        self._sides = TwoSides(INDEX_ROWS, ["event_id"], _bucket_of)
        kept = snapshot.rows(_SQL["has_partition"], parent="ingested_events", day=span.day) == [(True,)]
        # Without its partition a day has the ids alone that were enqueued too recently to be forgotten.
        self._enqueued_from = date.min if kept else first_day_kept

    def expect(self, events: pa.Table) -> None:
        """Takes parsed events of the archive."""
        rows = self._kept(index_rows(events), self._check)
        self._check.saw("archived events", rows.num_rows)
        if self._span.whole_day:
            self._sides.expect(rows)
            return
        parameters = {name: rows[name].to_pylist() for name in ("event_id", "payload_hash", "enqueued_on")}
        for event_id, *values in self._snapshot.rows(
            _SQL["not_in_index"],
            event_ids=parameters["event_id"],
            payload_hashes=parameters["payload_hash"],
            enqueued_on=parameters["enqueued_on"],
            day=self._span.day,
        ):
            due, there = ({"payload_hash": each[0], "enqueued_on": each[1]} for each in (values[:2], values[2:]))
            self._name(str(event_id), Unshared([due], [there] if there["enqueued_on"] is not None else []))

    def suspect(self) -> list[int]:
        """Reads the other side; returns the buckets for which the events must be shown again."""
        if not self._span.whole_day:
            self._check.note(
                f"{self._span} is no whole day: events of the index that the archive lacks were not looked for"
            )
            return []
        for rows in self._day():
            self._check.saw("indexed events", rows.num_rows)
            self._sides.find(rows)
        self._note_ids_of_two_days()
        return self._sides.suspect(self._check)

    def expect_again(self, events: pa.Table) -> None:
        self._sides.expect_again(self._kept(index_rows(events), None))

    def name_differences(self) -> None:
        for rows in self._day():
            self._sides.find_again(rows)
        for each in self._sides.unshared():
            self._name(each.first["event_id"], each)

    def _day(self) -> Iterator[pa.Table]:
        return self._snapshot.copied(
            _SQL["copy_index"], INDEX_ROWS, day=self._span.day, enqueued_from=self._enqueued_from
        )

    def _kept(self, rows: pa.Table, check: Check | None) -> pa.Table:
        if self._enqueued_from == date.min:
            return rows
        kept = rows.filter(pc.greater_equal(rows["enqueued_on"], pa.scalar(self._enqueued_from, pa.date32())))
        forgotten = rows.num_rows - kept.num_rows
        if forgotten and check is not None:
            check.saw("forgotten events", forgotten)
            check.note(f"ids enqueued before {self._enqueued_from} are forgotten (DEDUP_WINDOW_DAYS): not compared")
        return kept

    def _name(self, event_id: str, each: Unshared) -> None:
        where = f"event {event_id} of {self._span.day}"
        if each.shared:
            self._check.differs(Kind.EVENT_ARCHIVED_TWICE, where, "once", f"{len(each.expected) + each.shared} times")
        elif each.expected and each.found:
            self._check.differs(Kind.EVENT_DIFFERS, where, _text(each.expected[0]), _text(each.found[0]))
        elif each.found:
            self._check.differs(Kind.EVENT_NOT_ARCHIVED, where, None, _text(each.found[0]))
        else:
            self._check.differs(Kind.EVENT_NOT_INDEXED, where, _text(each.expected[0]), None)

    def _note_ids_of_two_days(self) -> None:
        ((count, examples),) = self._snapshot.rows(_SQL["ids_of_two_days"], day=self._span.day)
        if count:
            self._check.note(
                f"{count} event ids of {self._span.day} occur on the day before as well and count twice "
                f"(docs/adr/0003), such as {', '.join(examples)}"
            )


def _bucket_of(rows: pa.Table) -> pa.Array:
    return pc.bit_wise_and(fingerprints(rows.select(["event_id"])), _BUCKETS)


def _text(row: Row) -> str:
    return f"payload hash {row['payload_hash']}, enqueued on {row['enqueued_on']}"
