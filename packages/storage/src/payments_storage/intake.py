"""What is done with a delivery, whatever happens: each of its events ends stored, quarantined or dead-lettered.

transient failure    -> again, with backoff and jitter, within a budget of time
an event refused     -> the batch is halved until that event stands alone; it is quarantined, the rest is stored
too many keys        -> the events that share theirs with fewest others are parked in the dead-letter container for the
                        redrive, which halves a batch until each transaction is of a bounded size (docs/adr/0028)
Blob Storage away    -> the events are counted, their archive file is left to the redrive
PostgreSQL away      -> the whole delivery goes to the dead-letter container
both away            -> raised: the host holds the partition and delivers the same batch again
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from payments_core.batch import ParsedBatch, Parser
from payments_core.errors import Stage
from payments_core.event import Delivery, Rejection
from payments_core.guard import redact
from payments_core.repeats import Identity
from payments_storage.archive_memory import ArchiveMemory
from payments_storage.dead_letters import PARKED, DeadLetters
from payments_storage.errors import (
    ArchiveUnavailableError,
    DatabaseUnavailableError,
    EventRefusedError,
    TransientStorageError,
    our_defects,
)
from payments_storage.outcome import Outcome
from payments_storage.raw_event_store import FileCommittedError
from payments_storage.unit_of_work import UnitOfWork

_log = logging.getLogger("payments.intake")

_ARCHIVE_AWAY_SECONDS: Final = 60
"""For so long after Blob Storage was away, batches do not even try: counting goes on at full speed."""
_LAST_RESORT_SECONDS: Final = 10
"""The budget of the commit without the archive."""
_MANY_KEYS: Final = "the batch has more aggregate keys than KEYS_PER_DELIVERY"


class Intake:
    """Shared by the threads of a worker process; keeps nothing between two deliveries.

    `budget_seconds` bounds the time in which a new attempt may begin, `keys_at_most` the aggregates that `take` may
    touch: event types by shortest windows. Events that were enqueued more than
    `dedup_window_days` before today are looked up in the archive, since their ids may be forgotten.
    """

    def __init__(
        self,
        parser: Parser,
        unit_of_work: UnitOfWork,
        memory: ArchiveMemory,
        dead_letters: DeadLetters,
        *,
        budget_seconds: float,
        keys_at_most: int,
        dedup_window_days: int,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._parser = parser
        self._unit_of_work = unit_of_work
        self._memory = memory
        self._dead_letters = dead_letters
        self._budget_seconds = budget_seconds
        self._keys_at_most = keys_at_most
        self._window = timedelta(days=dedup_window_days)
        self._today = today
        self._archive_away_until = 0.0

    def take(self, delivery: Delivery) -> Outcome:
        """Deals with the delivery to the end, or raises StorageError when not even a dead letter can be written."""
        delivery = mask(delivery)
        batch = self.parse(delivery)
        try:
            return self._commit_or_defer(delivery, batch)
        except DatabaseUnavailableError as error:
            name = self._dead_letters.put(delivery, str(error))
            _log.error("dead-lettered %s (%s): %s", _where(delivery), name, error)
            events = len(delivery.bodies)
            return Outcome(delivered=events, dead_lettered=events, redacted=len(delivery.redactions))

    def _commit_or_defer(self, delivery: Delivery, batch: ParsedBatch) -> Outcome:
        reason = "Blob Storage was away a moment ago"
        if time.monotonic() >= self._archive_away_until:
            try:
                return self._commit_or_park(delivery, batch)
            except ArchiveUnavailableError as error:
                reason = str(error)
                _log.error("archive deferred %s: %s", _where(delivery), reason)
                self._archive_away_until = time.monotonic() + _ARCHIVE_AWAY_SECONDS
        return self.commit(delivery, batch, defer_archive=reason)

    def _commit_or_park(self, delivery: Delivery, batch: ParsedBatch) -> Outcome:
        """What is dear is parked only when the rest is stored: until then the whole delivery may come again."""
        now, later = self._unit_of_work.most_shared(batch.events, self._keys_at_most)
        outcome = self.commit(delivery, replace(batch, events=now))
        if not later.num_rows:
            return outcome
        name = self._dead_letters.put(delivery.part(later["index"].to_pylist()), _MANY_KEYS, PARKED)
        _log.warning("parked %d of %s (%s): %s", later.num_rows, _where(delivery), name, _MANY_KEYS)
        return outcome + Outcome(delivered=later.num_rows, parked=later.num_rows)

    def parse(self, delivery: Delivery) -> ParsedBatch:
        """Each body as an event or a rejection, also where our own code fails on one."""
        try:
            with our_defects(Stage.DECODE):
                return self._parser.parse_and_normalize(delivery)
        except EventRefusedError:
            return self._parse_one_by_one(delivery)

    def _parse_one_by_one(self, delivery: Delivery) -> ParsedBatch:
        tables = [self._parser.schema.empty_table()]
        rejections: list[Rejection] = []
        unusable = 0
        for index in range(len(delivery.bodies)):
            try:
                with our_defects(Stage.DECODE):
                    alone = self._parser.parse_and_normalize(delivery.part([index]))
            except EventRefusedError as refusal:
                _log.error("%s: %s", _where(delivery, index), refusal)
                rejections.append(Rejection(index, refusal.stage, refusal.code, str(refusal)))
                continue
            place = alone.events.schema.get_field_index("index")
            tables.append(alone.events.set_column(place, "index", pa.array([index] * len(alone.events), pa.int64())))
            rejections += [replace(rejection, index=index) for rejection in alone.rejections]
            unusable += alone.unusable_metrics
        return ParsedBatch(pa.concat_tables(tables), rejections, unusable)

    def commit(self, delivery: Delivery, batch: ParsedBatch, defer_archive: str | None = None) -> Outcome:
        """Commits the batch, without the events that are refused. Raises StorageError when the budget is spent."""
        deadline = time.monotonic() + (_LAST_RESORT_SECONDS if defer_archive else self._budget_seconds)
        outcome = self._commit(delivery, batch, defer_archive, deadline)
        return replace(outcome, redacted=len(delivery.redactions))

    def _commit(self, delivery: Delivery, batch: ParsedBatch, defer_archive: str | None, deadline: float) -> Outcome:
        if self._unit_of_work.too_wide(batch.events):
            return self._commit_halves(delivery, batch, defer_archive, deadline)
        try:
            return self._retry(lambda: self._commit_once(delivery, batch, defer_archive), delivery, deadline)
        except EventRefusedError as refusal:
            if len(batch.indexes) > 1:
                return self._commit_halves(delivery, batch, defer_archive, deadline)
            if not batch.events.num_rows:
                raise  # not even its quarantine is accepted: nothing that an event could cause
            rejection = _refused(batch.events, refusal)
            _log.warning("%s: %s", _where(delivery, rejection.index), refusal)
            alone = ParsedBatch(batch.events.slice(0, 0), [rejection], batch.unusable_metrics)
            return self._commit(delivery, alone, defer_archive, deadline)

    def _commit_halves(
        self, delivery: Delivery, batch: ParsedBatch, defer_archive: str | None, deadline: float
    ) -> Outcome:
        first, second = batch.halves()
        outcome = self._commit(delivery, first, defer_archive, deadline)
        return outcome + self._commit(delivery, second, defer_archive, deadline)

    def _commit_once(self, delivery: Delivery, batch: ParsedBatch, defer_archive: str | None) -> Outcome:
        remembered = self._memory.of_times(self._past_the_window(batch.events))
        try:
            return self._unit_of_work.commit(delivery, batch, remembered=remembered, defer_archive=defer_archive)
        except FileCommittedError as error:
            # The index has lost ids (restored from an older state?), and the archive knows better.
            found: dict[Identity, int] = self._memory.of_files(error.paths, batch.events)
            if found.keys() <= remembered.keys():
                raise
            remembered |= found
            return self._unit_of_work.commit(delivery, batch, remembered=remembered, defer_archive=defer_archive)

    def _past_the_window(self, events: pa.Table) -> pa.Table:
        first_day = self._today() - self._window
        start = pa.scalar(
            datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC), pa.timestamp("us", "UTC")
        )
        return events.filter(pc.less(events["enqueued_at"], start))

    def _retry(self, commit: Callable[[], Outcome], delivery: Delivery, deadline: float) -> Outcome:
        def warn(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            _log.warning("%s, attempt %d: %s", _where(delivery), state.attempt_number, error)

        attempts = Retrying(
            retry=retry_if_exception_type(TransientStorageError),
            wait=wait_random_exponential(multiplier=0.2, max=10),
            stop=lambda state: time.monotonic() + state.upcoming_sleep >= deadline,
            before_sleep=warn,
            reraise=True,
        )
        return attempts(commit)


def mask(delivery: Delivery) -> Delivery:
    """The delivery without card data. From here on nothing has the bytes that arrived."""
    bodies, found = redact(delivery.bodies)
    if not found:
        return delivery
    redactions = {index: delivery.redactions.get(index, 0) + count for index, count in found.items()}
    return replace(delivery, bodies=bodies, redactions={**delivery.redactions, **redactions})


def _refused(event: pa.Table, refusal: EventRefusedError) -> Rejection:
    (row,) = event.select(["index", "event_id", "transaction_id"]).to_pylist()
    return Rejection(
        index=row["index"],
        stage=refusal.stage,
        code=refusal.code,
        message=str(refusal),
        event_id=row["event_id"],
        transaction_id=row["transaction_id"],
    )


def _where(delivery: Delivery, index: int | None = None) -> str:
    numbers = delivery.sequence_numbers
    which = f"{numbers[0]}..{numbers[-1]}" if index is None else str(numbers[index])
    return f"partition={delivery.partition_id} sequence={which}"
