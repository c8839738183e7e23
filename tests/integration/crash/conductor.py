"""Carries out the plan of a crash run: hands batches to workers, kills them on the way, and notes where that hit."""

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from statistics import median
from threading import Event
from typing import Final

from tests.integration.events import Message

from .plan import Delivery, Kill, Step
from .processes import Nursery, Worker
from .sessions import Sessions

PARTITIONS_AT_ONCE: Final = 3
WORKERS: Final = 2 * PARTITIONS_AT_ONCE
ANSWERED: Final = "answered"
_FIRST_GUESS: Final = 0.05
_RECENT: Final = 20
_PATIENCE: Final = 120.0


@dataclass(frozen=True)
class Record:
    """What became of a delivery, between two moments in seconds. `hit` is None unless its worker was killed."""

    sent: float
    ended: float
    hit: str | None


class Conductor:
    """Partitions take turns, some at once; each step of one waits for the step before it."""

    def __init__(self, logs: dict[str, list[Message]], nursery: Nursery, sessions: Sessions) -> None:
        self._logs = logs
        self._nursery = nursery
        self._sessions = sessions
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        self._failed = Event()
        self.records: list[list[Record]] = []

    def run(self, plan: dict[str, list[Step]]) -> None:
        """Returns when every step is done."""
        turns: SimpleQueue[tuple[str, deque[Step]]] = SimpleQueue()
        for name, steps in plan.items():
            turns.put((name, deque(steps)))
        for _ in range(WORKERS):
            self._idle.put(self._nursery.start())
        with ThreadPoolExecutor(PARTITIONS_AT_ONCE) as threads, ThreadPoolExecutor(WORKERS) as owners:
            running = [threads.submit(self._take_turns, turns, owners) for _ in range(PARTITIONS_AT_ONCE)]
            for each in running:
                each.result()

    def _take_turns(self, turns: SimpleQueue[tuple[str, deque[Step]]], owners: ThreadPoolExecutor) -> None:
        """Ends when no partition waits for its turn; others may be under way in other threads."""
        try:
            while not self._failed.is_set():
                name, steps = turns.get_nowait()
                under_way = [owners.submit(self._deliver, name, delivery) for delivery in steps.popleft()]
                self.records.append([each.result() for each in under_way])
                if steps:
                    turns.put((name, steps))
        except Empty:
            return
        except BaseException:
            self._failed.set()
            raise

    def _deliver(self, name: str, delivery: Delivery) -> Record:
        batch = self._logs[name][delivery.start : delivery.end]
        worker = self._idle.get(timeout=_PATIENCE)
        worker.wait_until_ready()
        sent = time.time()
        if delivery.kill is None:
            worker.send(batch, name)
            assert worker.answer() == len(batch)
            self._idle.put(worker)
            return Record(sent, time.time(), None)
        worker.send(batch, name, delivery.kill.exchange)
        hit = self._kill(worker, sent, delivery.kill)
        self._idle.put(self._nursery.start())
        return Record(sent, time.time(), hit)

    def _kill(self, worker: Worker, sent: float, kill: Kill) -> str:
        """Says where it hit. The worker is stopped before PostgreSQL is asked: it can do no more than a dead one."""
        if kill.time is not None:
            answered = worker.answers_within(kill.time * self._usual())
            worker.stop()
        else:
            answered = worker.answers_before_it_stops()
        hit = ANSWERED if answered else self._sessions.stand_of(worker.session, sent)
        worker.kill()
        return hit

    def _usual(self) -> float:
        """Seconds from batch to answer, lately."""
        recent = [record for step in self.records[-_RECENT:] for record in step if record.hit is None]
        return median(record.ended - record.sent for record in recent) if recent else _FIRST_GUESS
