"""Brings back by itself what only had to wait, oldest first: dead letters, deferred archive files, parked events.

What fails though the services answer is tried again with growing pauses, a bounded number of times, and then lies in
failed_items for a person. Two redrives at once do no harm: whatever the other one has done is a duplicate.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from payments_core.batch import ParsedBatch
from payments_core.errors import ErrorCode, Stage
from payments_core.event import Delivery, Rejection
from payments_storage.dead_letters import DeadLetter, DeadLetters, UnreadableLetterError
from payments_storage.deferred_archive import DeferredArchive
from payments_storage.errors import EventRefusedError, StorageError, TransientStorageError
from payments_storage.intake import Intake, mask

MAX_ATTEMPTS: Final = 10
"""Of a dead letter: with the pauses between them about five hours of a PostgreSQL that answers and yet refuses it."""
_LONGEST_PAUSE: Final = timedelta(hours=1)
_log: Final = logging.getLogger("payments.redrive")


@dataclass(frozen=True, slots=True)
class RedriveReport:
    """Deliveries and events brought back, and deliveries that failed again. `stopped` says which service is away."""

    letters: int = 0
    events: int = 0
    postponed: int = 0
    quarantined: int = 0
    unreadable: int = 0
    archived: int = 0
    stopped: str | None = None


class Redrive:
    """One `run` does what is due and ends, at the latest soon after `seconds`."""

    def __init__(
        self,
        intake: Intake,
        dead_letters: DeadLetters,
        deferred: DeferredArchive,
        services_answer: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._intake = intake
        self._dead_letters = dead_letters
        self._deferred = deferred
        self._services_answer = services_answer
        self._now = now

    def run(self, seconds: float) -> RedriveReport:
        until = time.monotonic() + seconds
        report = RedriveReport()
        try:
            for letter in self._due(self._dead_letters.pending(), until):
                report = self._bring_back(letter, report)
            while time.monotonic() < until and (count := self._deferred.write_next()):
                report = replace(report, archived=report.archived + count)
            for letter in self._due(self._dead_letters.parked(), until):
                report = self._bring_back(letter, report)
        except TransientStorageError as error:
            _log.warning("redrive stopped: %s", error)
            report = replace(report, stopped=str(error))
        return report

    def _due(self, letters: Iterator[DeadLetter], until: float) -> Iterator[DeadLetter]:
        while time.monotonic() < until and (letter := next(letters, None)):
            if letter.next_attempt_at <= self._now():
                yield letter

    def _bring_back(self, letter: DeadLetter, report: RedriveReport) -> RedriveReport:
        try:
            delivery = self._dead_letters.load(letter)
        except UnreadableLetterError as error:
            _log.error("set aside: %s", error)
            self._dead_letters.set_aside(letter)
            return replace(report, unreadable=report.unreadable + 1)
        if delivery is None:
            return report
        try:
            delivery = mask(delivery)
            self._intake.commit(delivery, self._intake.parse(delivery))
        except StorageError as error:
            if isinstance(error, TransientStorageError) and not self._services_answer():
                raise
            return self._failed_again(letter, delivery, error, report)
        self._dead_letters.remove(letter)
        _log.info("brought back %s, %d events", letter.name, len(delivery.bodies))
        return replace(report, letters=report.letters + 1, events=report.events + len(delivery.bodies))

    def _failed_again(
        self, letter: DeadLetter, delivery: Delivery, error: StorageError, report: RedriveReport
    ) -> RedriveReport:
        attempts = letter.attempts + 1
        _log.warning("attempt %d of %s: %s", attempts, letter.name, error)
        if attempts < MAX_ATTEMPTS:
            pause = min(timedelta(minutes=2**attempts), _LONGEST_PAUSE)
            self._dead_letters.postpone(letter, self._now() + pause)
            return replace(report, postponed=report.postponed + 1)
        # Each event on its own, where people look first; they may already count, which a replay will find out.
        message = f"{attempts} attempts; the last one: {error}"
        rejections = [
            Rejection(index, Stage.CLAIM, ErrorCode.REDRIVE_EXHAUSTED, message) for index in range(len(delivery.bodies))
        ]
        nothing = self._intake.parse(replace(delivery, bodies=[], sequence_numbers=[], enqueued_at=[])).events
        try:
            self._intake.commit(delivery, ParsedBatch(nothing, rejections, 0))
        except EventRefusedError as refusal:  # left here, it would hold up all letters behind it
            _log.error("set aside: %s cannot be quarantined: %s", letter.name, refusal)
            self._dead_letters.set_aside(letter)
            return replace(report, unreadable=report.unreadable + 1)
        self._dead_letters.remove(letter)
        return replace(report, quarantined=report.quarantined + 1)
