"""One source's way through the function: what waits in each partition, what is under way, what is to be tried again."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty
from typing import Final

from payments.host.delivery import Batch
from payments.host.feed import EndOfLines, Feed, Lines
from payments.host.messages import Answer, Lost, NotLoaded
from payments.host.report import SourceReport, Tally
from payments.host.source import Source
from payments.host.workers import FromWorker, Workers

FIRST_RETRY_SECONDS: Final = 0.25
LONGEST_RETRY_SECONDS: Final = 30.0
INTERRUPTED: Final = "interrupted"
"""Why a run stopped, if the user wished it."""
_PARTIAL_SECONDS: Final = 0.25
"""How long a partition's oldest line waits for a batch to fill up."""
_BATCH_BYTES: Final = 16 << 20


@dataclass(frozen=True)
class Interrupted:
    """The user asked to stop."""


@dataclass(frozen=True)
class Policy:
    """`max_retries` is None for no end."""

    partitions: int
    batch_size: int
    max_retries: int | None


@dataclass
class _Partition:
    """`batch` is under way while `worker` is set, else it waits until `due` to be sent again."""

    waiting: deque[bytes] = field(default_factory=deque)
    waiting_since: float = 0.0
    next_sequence: int = 0
    next_offset: int = 0
    batch: Batch | None = None
    worker: int | None = None
    attempts: int = 0
    due: float = 0.0
    done: int = 0


class Dispatch:
    """Call `step` until it is False, then `close`. The counts go to the tally; so does the reason for an early end."""

    def __init__(
        self,
        source: Source,
        *,
        enqueued_at: datetime,
        policy: Policy,
        workers: Workers,
        tally: Tally,
        warn: Callable[[str], None],
    ) -> None:
        self.done_bytes = 0
        self._source = source
        self._enqueued_at = enqueued_at
        self._policy = policy
        self._workers = workers
        self._inbox = workers.inbox
        self._tally = tally
        self._warn = warn
        self._partitions = [_Partition() for _ in range(policy.partitions)]
        self._ended = False
        self._started = time.monotonic()
        self._feed = Feed(source, policy.partitions, workers.inbox)

    def step(self) -> bool:
        """Send what can be sent, then deal with one message. False when nothing is left to do."""
        if self._tally.stopped is None:
            self._send_all()
            if self._ended and all(p.batch is None for p in self._partitions):
                return False
        elif all(p.worker is None for p in self._partitions):
            return False
        try:
            message = self._inbox.get(timeout=self._patience())
        except Empty:
            return True
        match message:
            case Lines(by_partition):
                self._add(by_partition)
            case EndOfLines(error):
                self._ended = True
                self._stop(error)
            case Interrupted():
                self._stop(INTERRUPTED)
            case FromWorker(worker, said):
                self._hear(worker, said)
        return True

    def close(self) -> None:
        self._feed.close()
        self._tally.seconds += time.monotonic() - self._started
        done = [partition.done for partition in self._partitions]
        complete = self._tally.stopped is None
        self._tally.sources.append(SourceReport(self._source.label, self._source.hub_name, done, complete))

    def _stop(self, reason: str | None) -> None:
        self._tally.stopped = self._tally.stopped or reason

    def _add(self, by_partition: dict[int, list[bytes]]) -> None:
        now = time.monotonic()
        for number, lines in by_partition.items():
            partition = self._partitions[number]
            if not partition.waiting:
                partition.waiting_since = now
            partition.waiting.extend(lines)

    def _send_all(self) -> None:
        now = time.monotonic()
        for number, partition in enumerate(self._partitions):
            if partition.batch is None and self._is_ripe(partition, now):
                partition.batch = self._take(number, partition, now)
                partition.due = now
            if partition.batch is not None and partition.worker is None and partition.due <= now:
                partition.worker = self._workers.send(partition.batch)

    def _is_ripe(self, partition: _Partition, now: float) -> bool:
        if len(partition.waiting) >= self._policy.batch_size:
            return True
        return bool(partition.waiting) and (self._ended or now - partition.waiting_since >= _PARTIAL_SECONDS)

    def _take(self, number: int, partition: _Partition, now: float) -> Batch:
        bodies: list[bytes] = []
        size = 0
        while partition.waiting and len(bodies) < self._policy.batch_size and size < _BATCH_BYTES:
            bodies.append(partition.waiting.popleft())
            size += len(bodies[-1])
        partition.waiting_since = now
        batch = Batch(
            self._source.hub_name, number, partition.next_sequence, partition.next_offset, self._enqueued_at, bodies
        )
        partition.next_sequence += len(bodies)
        partition.next_offset += size
        return batch

    def _patience(self) -> float | None:
        """Seconds until something is due though no message comes."""
        if self._tally.stopped is not None:
            return None
        moments = [
            partition.due if partition.batch else partition.waiting_since + _PARTIAL_SECONDS
            for partition in self._partitions
            if partition.worker is None and (partition.batch or partition.waiting)
        ]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _hear(self, worker: int, said: object) -> None:
        match said:
            case Answer(number, seconds, None):
                self._done(self._partitions[number], seconds)
            case Answer(number, _, raised):
                self._retry(number, f"the function raised {raised}")
            case NotLoaded(reason):
                self._stop(f"the function app can no longer be loaded: {reason}")
            case Lost():
                for number, partition in enumerate(self._partitions):
                    if partition.worker == worker:
                        self._retry(number, "the worker process ended")
                if self._tally.stopped is None:
                    self._workers.replace(worker)

    def _done(self, partition: _Partition, seconds: float) -> None:
        bodies = partition.batch.bodies if partition.batch else []
        partition.batch = partition.worker = None
        partition.attempts = 0
        partition.done += len(bodies)
        size = sum(map(len, bodies))
        self._feed.release(size)
        self.done_bytes += size + len(bodies)
        self._tally.events += len(bodies)
        self._tally.batches += 1
        self._tally.latencies.append(seconds)

    def _retry(self, number: int, reason: str) -> None:
        partition = self._partitions[number]
        partition.worker = None
        partition.attempts += 1
        if self._tally.stopped is not None or partition.batch is None:
            return
        first, last = partition.batch.first_sequence, partition.batch.last_sequence
        where = f"partition {number}, sequence numbers {first} to {last}: {reason}"
        if self._policy.max_retries is not None and partition.attempts > self._policy.max_retries:
            self._stop(f"{where}. Gave up after {self._policy.max_retries} retries.")
            return
        wait = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(partition.attempts - 1, 20))
        partition.due = time.monotonic() + wait
        self._tally.retries += 1
        self._warn(f"{where}. Retry {partition.attempts} in {wait:g} s.")
