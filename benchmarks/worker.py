"""A worker process of the load: calls the function's own entry point with what the library's own decoder makes."""

import logging
import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from threading import Barrier
from typing import Final

from benchmarks import peers, stages
from benchmarks.ceiling import Ceiling
from benchmarks.events import HUB, batches, bodies, read_pool
from benchmarks.job import Delay, Job, Result
from payments.host import function
from payments.host.delivery import Batch, decode

_WARM_UP: Final = 3
_PATIENCE: Final = 120
_MB: Final = 2**20


@dataclass
class _Clock:
    """CPU seconds of this process, without those of the load itself."""

    own: float = 0.0
    delays: list[Delay] = field(default_factory=list)
    events: int = 0

    def making(self, source: Iterator[Batch]) -> Batch:
        before = time.thread_time()
        batch = next(source)
        self.own += time.thread_time() - before
        return batch


def work(job: Job, start: Barrier) -> Result:
    """Runs in a process of its own; the barrier lets all workers begin together, or none."""
    try:
        return _work(job, start)
    except BaseException:
        start.abort()
        raise


def _work(job: Job, start: Barrier) -> Result:
    os.environ.update(job.settings)
    logging.basicConfig(level=logging.WARNING)
    pool = read_pool(job.pool, job.mix)
    if job.peer is not None:
        peers.install(job.peer)
    if job.ceiling:
        return _ceiling(job, pool, start)
    call = _entry_point()
    source = batches(pool, job.worker, job.batch_size)
    for batch in islice(source, _WARM_UP):
        call(batch)
    spent = stages.install() if job.stages else {}
    start.wait(_PATIENCE)
    if job.rate is not None:
        return _offered(job, pool, call)
    return _saturated(job, source, call, spent)


def _entry_point() -> Callable[[Batch], object]:
    loaded = function.load(function.FOLDER)

    def call(batch: Batch) -> object:
        return loaded.call(**{loaded.argument: stages.host_decode(decode, batch, loaded.consumer_group)})

    return call


def _saturated(job: Job, source: Iterator[Batch], call: Callable[[Batch], object], spent: dict[str, float]) -> Result:
    """As many batches as it can in the time."""
    clock = _Clock()
    early = 0.0
    spent.clear()
    started, cpu = time.monotonic(), time.process_time()
    while (now := time.monotonic()) < started + job.seconds:
        batch = clock.making(source)
        called = time.monotonic()
        call(batch)
        ended = time.monotonic()
        clock.events += len(batch.bodies)
        clock.delays.append(Delay(len(batch.bodies), ended - called, ended - called, ended - called))
        if not early and now > started + job.seconds / 3:
            early = _peak_mb()
    return _result(clock, started, cpu, early, spent)


def _offered(job: Job, pool: list[bytes], call: Callable[[Batch], object]) -> Result:
    """Events arrive by the clock, whether or not the worker keeps up; it takes all that is there, up to a batch."""
    rate = (job.rate or 0.0) / job.workers
    total = int(rate * job.seconds)
    waiting = list(islice(bodies(pool, job.worker + job.workers), total))
    clock = _Clock()
    started, cpu = time.monotonic(), time.process_time()
    while clock.events < total and time.monotonic() < started + 3 * job.seconds:
        arrived = min(total, int((time.monotonic() - started) * rate))
        if arrived == clock.events:
            time.sleep(max(0.0, started + (clock.events + 1) / rate - time.monotonic()))
            continue
        first, last = clock.events, min(arrived, clock.events + job.batch_size)
        called = time.monotonic()
        call(Batch(HUB, job.worker, first, first * 600, datetime.now(UTC), waiting[first:last]))
        ended = time.monotonic()
        clock.events = last
        clock.delays.append(
            Delay(last - first, ended - called, ended - started - (first + 1) / rate, ended - started - last / rate)
        )
    return _result(clock, started, cpu, 0.0, {})


def _ceiling(job: Job, pool: list[bytes], start: Barrier) -> Result:
    with Ceiling(job, pool) as ceiling:
        start.wait(_PATIENCE)
        clock = _Clock()
        started, cpu = time.monotonic(), time.process_time()
        while time.monotonic() < started + job.seconds and (events := ceiling.commit_next()):
            clock.events += events
        return _result(clock, started, cpu, 0.0, {})


def _result(clock: _Clock, started: float, cpu: float, early: float, spent: dict[str, float]) -> Result:
    ended, peak = time.monotonic(), _peak_mb()
    used = time.process_time() - cpu - clock.own
    return Result(clock.events, started, ended, used, peak, peak - early if early else 0.0, clock.delays, dict(spent))


def _peak_mb() -> float:
    """The most memory that this process ever had resident, less the pool of bodies that only the load needs."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MB
