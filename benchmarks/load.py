"""Starts worker processes for a job and puts together what they tell."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import quantiles
from threading import BrokenBarrierError
from typing import Final

from benchmarks.job import Delay, Job, Result
from benchmarks.servers import Cpu, Servers
from benchmarks.worker import work

_MICRO: Final = 1e6
_MILLI: Final = 1e3
_STEPS: Final = 1000
_PATIENCE: Final = 120


@dataclass(frozen=True, slots=True)
class Measured:
    """All workers together. `*_us`: microseconds of CPU an event; `duration`: from the first start to the last end."""

    events: int
    duration: float
    pipeline_us: float
    postgres_us: float
    azurite_us: float
    peak_mb: float
    late_growth_mb: float
    delays: list[Delay]
    stages_us: dict[str, float]

    @property
    def rate(self) -> float:
        return self.events / self.duration


def run(servers: Servers, job: Job) -> Measured:
    """Runs the job in its number of worker processes at once."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(job.workers, context) as processes:
        start = manager.Barrier(job.workers + 1)
        jobs = [replace(job, worker=worker) for worker in range(job.workers)]
        running = [processes.submit(work, each, start) for each in jobs]
        with suppress(BrokenBarrierError):  # a worker failed, and its result says how
            start.wait(_PATIENCE)
        before = servers.cpu()
        results = [each.result() for each in running]
        used = servers.cpu().since(before)
    return _together(results, used)


def _together(results: list[Result], used: Cpu) -> Measured:
    events = sum(result.events for result in results)
    stages: dict[str, float] = {}
    for result in results:
        for step, seconds in result.stages.items():
            stages[step] = stages.get(step, 0.0) + seconds * _MICRO / events
    return Measured(
        events=events,
        duration=max(result.ended for result in results) - min(result.started for result in results),
        pipeline_us=sum(result.cpu for result in results) * _MICRO / events,
        postgres_us=used.postgres * _MICRO / events,
        azurite_us=used.azurite * _MICRO / events,
        peak_mb=max(result.peak_mb for result in results),
        late_growth_mb=max(result.late_growth_mb for result in results),
        delays=[delay for result in results for delay in result.delays],
        stages_us=stages,
    )


def write_ms(delays: list[Delay]) -> dict[str, float]:
    """Percentiles over batches, from the call of the handler to COMMIT."""
    return _percentiles([delay.write for delay in delays])


def visible_ms(delays: list[Delay]) -> dict[str, float]:
    """Percentiles over events, from their arrival by the clock to COMMIT."""
    return _percentiles([each for delay in delays for each in _of_events(delay)])


def _of_events(delay: Delay) -> Iterator[float]:
    step = (delay.first - delay.last) / max(1, delay.events - 1)
    return (delay.first - step * place for place in range(delay.events))


def _percentiles(seconds: list[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=_STEPS, method="inclusive") if len(seconds) > 1 else seconds * (_STEPS - 1)
    return {f"p{share}": round(cuts[share * _STEPS // 100 - 1] * _MILLI, 1) for share in (50, 95, 99)}
