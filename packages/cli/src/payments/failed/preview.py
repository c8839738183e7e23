"""What a replay would do now, found out by reading only: parsed by today's rules, compared with what is known.

What only an attempt can show, such as a row that PostgreSQL refuses, it cannot foresee.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from payments.failed.replay import awaits_archive, batches, count
from payments_core.event import TIMESTAMP, Delivery
from payments_core.repeats import Identity, first_of_each, identities, judge_repeats
from payments_storage.archive_memory import ArchiveMemory
from payments_storage.connect import transaction
from payments_storage.failed_items import Chosen, FailedItems
from payments_storage.intake import mask
from payments_storage.pipeline import Pipeline
from payments_storage.tables import known_payloads

_SECONDS: Final = 60


@dataclass(slots=True)
class Expected:
    """Of the chosen entries: `new` events would be stored, `duplicates` are, `to_archive` lack their file only;
    `rejected` (by code) would fail again.
    """

    chosen: int
    new: int = 0
    duplicates: int = 0
    to_archive: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


class Preview:
    """`dedup_window_days` as the pipeline has it: for older events the archive is asked as well."""

    def __init__(self, pipeline: Pipeline, items: FailedItems, dedup_window_days: int) -> None:
        self._pipeline = pipeline
        self._items = items
        self._memory = ArchiveMemory(pipeline.pool, pipeline.container)
        self._window = timedelta(days=dedup_window_days)

    def of(self, chosen: list[Chosen]) -> Expected:
        expected = Expected(len(chosen), to_archive=sum(map(awaits_archive, chosen)))
        known: dict[Identity, int] = {}
        for batch in batches([item for item in chosen if not awaits_archive(item)]):
            self._add(self._items.read(batch), known, expected)
        return expected

    def _add(self, delivery: Delivery, known: dict[Identity, int], expected: Expected) -> None:
        """`known` gains what is stored before or would be by now, so that repeats among the entries are seen."""
        delivery = mask(delivery)
        parsed = self._pipeline.intake.parse(delivery)
        firsts = first_of_each(parsed.events)
        before = self._stored_before(firsts)
        new = [identity not in before and identity not in known for identity in identities(firsts)]
        counting = firsts.filter(pa.array(new, pa.bool_()))
        known |= before
        known |= dict(zip(identities(counting), counting["payload_hash"].to_pylist(), strict=True))
        taken = set(counting["index"].to_pylist())
        again = [index not in taken for index in parsed.events["index"].to_pylist()]
        duplicates, conflicts = judge_repeats(parsed.events.filter(pa.array(again, pa.bool_())), known)
        expected.new += counting.num_rows
        expected.duplicates += duplicates
        count([*parsed.rejections, *conflicts], expected.rejected)

    def _stored_before(self, events: pa.Table) -> dict[Identity, int]:
        with transaction(self._pipeline.pool, _SECONDS) as connection:
            indexed = known_payloads(connection.cursor(), events) if events.num_rows else {}
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        old = pc.less(events["enqueued_at"], pa.scalar(today - self._window, TIMESTAMP))
        return {**self._memory.of_times(events.filter(old)), **indexed}
