"""The six sections of the benchmark. Each gives rows of figures, and one sentence on how they came about."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.events import Mix, write_pool
from benchmarks.job import Job
from benchmarks.load import Measured, run, visible_ms, write_ms
from benchmarks.peers import PEERS
from benchmarks.plan import Plan
from benchmarks.servers import Servers

BATCH: Final = 1000
_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    method: str
    rows: list[dict[str, Any]] = field(default_factory=list)


class Bench:
    """What all sections need: the servers, how long, and where pools of events are."""

    def __init__(self, servers: Servers, plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
        self._servers = servers
        self._plan = plan
        self._folder = folder
        self._say = say

    def _measure(self, label: str, rows: int = 0, environment: dict[str, str] | None = None, **job: Any) -> Measured:
        """One job on an empty system. Fails if what was counted and what was archived differ."""
        self._say(label)
        mix = job.get("mix", Mix())
        pool = self._folder / f"pool-{mix.late}-{mix.duplicates}.ndjson"
        if not pool.exists():
            write_pool(pool, mix, self._plan.pool)
        with self._servers.fresh(environment, rows) as settings:
            told = Job(settings=settings, pool=pool, **{"seconds": self._plan.seconds, **job})
            measured = run(self._servers, told)
            self._check(told)
        return measured

    def _check(self, job: Job) -> None:
        """Every event that was claimed is in the manifest, and in the payments."""
        claimed = self._servers.scalar("SELECT count(*) FROM ingested_events")
        archived = self._servers.scalar("SELECT coalesce(sum(rows), 0) FROM raw_event_files")
        counted = self._servers.scalar("SELECT coalesce(sum(total_count), 0) FROM payment_metrics_5m")
        if not claimed == archived == counted or not claimed:
            raise AssertionError(f"{job}: {claimed} claimed, {archived} archived, {counted} counted")

    def throughput(self) -> Section:
        section = Section(
            "throughput and ceiling",
            f"events a second over {self._plan.seconds:g} s through the function's entry point, library decode "
            f"included, median of {self._plan.runs}; the ceiling is the same statements with parameters made "
            "beforehand, in turn with it, on as many connections as there are workers; cores busy: by pipeline, "
            "PostgreSQL and Azurite together, which share the machine and so bound the ratio",
        )
        for workers in self._plan.workers:
            for size in self._plan.batch_sizes:
                pipeline, ceiling = [], []
                for number in range(self._plan.runs):
                    label = f"{workers} workers, batches of {size}, run {number + 1}"
                    pipeline.append(self._measure(label, workers=workers, batch_size=size))
                    ceiling.append(self._measure(f"ceiling, {label}", workers=workers, batch_size=size, ceiling=True))
                section.rows.append(_against(workers, size, pipeline, ceiling))
        return section

    def sustained(self) -> Section:
        events = self._plan.sustained_events
        workers, size = self._plan.workers[-1], self._plan.batch_sizes[-1]
        section = Section(
            "sustained",
            f"one run, as long as {events:,} events take at the rate measured just before, {workers} workers, batches "
            f"of {size:,}, empty tables; late growth is what "
            "a worker's peak memory rose by after the first third",
        )
        if not events:
            return section
        rate = self._measure("how fast", workers=workers, batch_size=size).rate
        measured = self._measure(
            f"sustained, {events:,} events", workers=workers, batch_size=size, seconds=events / rate
        )
        section.rows.append({"events": measured.events, "seconds": round(measured.duration, 1), **_costs(measured)})
        return section

    def latency(self) -> Section:
        section = Section(
            "latency",
            f"events arrive by a fixed clock for {2 * self._plan.seconds:g} s, 2 workers take what is there (at most "
            f"{BATCH}). write: handler called to COMMIT, over batches. visible: arrival by the clock to COMMIT, over "
            "events, so that waiting for a slow batch counts",
        )
        for rate in self._plan.rates:
            measured = self._measure(
                f"{rate:,} a second offered", workers=_TWO, batch_size=BATCH, rate=rate, seconds=2 * self._plan.seconds
            )
            section.rows.append(
                {
                    "offered": rate,
                    "taken": round(measured.rate),
                    "events_a_batch": round(measured.events / len(measured.delays)),
                    **{f"write_{name}_ms": value for name, value in write_ms(measured.delays).items()},
                    **{f"visible_{name}_ms": value for name, value in visible_ms(measured.delays).items()},
                }
            )
        return section

    def stages(self) -> Section:
        section = Section(
            "CPU by step",
            "microseconds of CPU an event of the pipeline's process (thread time around each step; 'rest' is what the "
            "process used besides: the driver waiting for COPY, transaction, threads), one worker",
        )
        for size in sorted({self._plan.batch_sizes[0], self._plan.batch_sizes[-1]}):
            measured = self._measure(f"steps, batches of {size}", batch_size=size, stages=True)
            rest = measured.pipeline_us - sum(measured.stages_us.values())
            steps = {**measured.stages_us, "rest": rest, "all": measured.pipeline_us}
            section.rows.append({"batch": size, **{step: round(value, 2) for step, value in steps.items()}})
        return section

    def growth(self) -> Section:
        section = Section(
            "how cost grows",
            f"one worker, batches of {BATCH} unless the row says otherwise, empty tables unless it says otherwise, "
            f"{self._plan.seconds:g} s each",
        )
        for name, value, job in self._variations():
            measured = self._measure(f"{name}: {value}", **job)
            section.rows.append({"what": name, "value": value, **_costs(measured)})
        return section

    def _variations(self) -> Iterator[tuple[str, float, dict[str, Any]]]:
        size = min(BATCH, self._plan.batch_sizes[-1])
        for batch in self._plan.batch_sizes:
            yield "batch size", batch, {"batch_size": batch}
        for count in self._plan.metrics:
            yield "metrics an event", count, {"batch_size": size, "environment": self._metrics(count)}
        for keys in self._plan.event_types:
            yield "event types", keys, {"batch_size": size, "mix": Mix(event_types=keys)}
        for late in self._plan.late:
            yield "late share", late, {"batch_size": size, "mix": Mix(late=late)}
        for duplicates in self._plan.duplicates:
            yield "duplicate share", duplicates, {"batch_size": size, "mix": Mix(duplicates=duplicates)}
        for rows in self._plan.rows:
            yield "rows in the day", rows, {"batch_size": size, "rows": rows}

    def _metrics(self, count: int) -> dict[str, str]:
        """Rules for so many metrics of each event; a field may be read under several names."""
        fields = ["amount", "fee_amount", "processing_time_ms", "amount"]
        path = self._folder / f"metrics-{count}.toml"
        rules = [f'[[metric]]\nname = "metric_{number}"\nfield = "{fields[number % 4]}"\n' for number in range(count)]
        path.write_text("\n".join(rules))
        return {"METRICS_FILE": str(path)}

    def peers(self) -> Section:
        section = Section(
            "peers",
            f"the same pipeline with another way of writing the metric rows, 2 workers, batches of {BATCH}; 'row by "
            "row' adds to the aggregates row by row, too. Claim and transaction are the same",
        )
        size = min(BATCH, self._plan.batch_sizes[-1])
        for peer in (*PEERS, None):
            measured = self._measure(f"peer: {peer}", workers=_TWO, batch_size=size, peer=peer)
            section.rows.append({"how": peer or "this pipeline", **_costs(measured)})
        return section


def _costs(measured: Measured) -> dict[str, Any]:
    return {
        "events_a_second": round(measured.rate),
        "pipeline_us": round(measured.pipeline_us, 1),
        "postgres_us": round(measured.postgres_us, 1),
        "azurite_us": round(measured.azurite_us, 1),
        "peak_mb": round(measured.peak_mb),
        "late_growth_mb": round(measured.late_growth_mb, 1),
    }


def _against(workers: int, size: int, pipeline: list[Measured], ceiling: list[Measured]) -> dict[str, Any]:
    rate, top = median(each.rate for each in pipeline), median(each.rate for each in ceiling)
    middle = sorted(pipeline, key=lambda each: each.rate)[len(pipeline) // 2]
    return {
        "workers": workers,
        "batch": size,
        "events_a_second": round(rate),
        "ceiling": round(top),
        "ratio": round(rate / top, 2),
        **{name: value for name, value in _costs(middle).items() if name.endswith("_us")},
        "cores_busy": round(middle.rate * (middle.pipeline_us + middle.postgres_us + middle.azurite_us) / 1e6, 2),
        "ceiling_postgres_us": round(median(each.postgres_us for each in ceiling), 1),
        **{f"write_{name}_ms": value for name, value in write_ms(middle.delays).items()},
    }


def measure(servers: Servers, plan: Plan, only: set[str], say: Callable[[str], None]) -> Iterator[Section]:
    """The sections, or only those of these names, each as soon as it is done."""
    with tempfile.TemporaryDirectory(prefix="payments-bench-") as folder:
        bench = Bench(servers, plan, Path(folder), say)
        chosen = {
            "throughput": bench.throughput,
            "sustained": bench.sustained,
            "latency": bench.latency,
            "stages": bench.stages,
            "growth": bench.growth,
            "peers": bench.peers,
        }
        yield from (section() for name, section in chosen.items() if not only or name in only)
