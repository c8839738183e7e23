"""What a worker process is told to do, and what it tells."""

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.events import Mix


@dataclass(frozen=True, slots=True)
class Job:
    """`rate` is what all workers are offered in a second; without one they take what they can. `peer` names another
    way of writing (benchmarks.peers); `ceiling` leaves everything out but PostgreSQL; `stages` adds up CPU by step.
    """

    settings: dict[str, str]
    pool: Path
    worker: int = 0
    workers: int = 1
    seconds: float = 5.0
    batch_size: int = 1000
    mix: Mix = field(default_factory=Mix)
    rate: float | None = None
    peer: str | None = None
    ceiling: bool = False
    stages: bool = False


@dataclass(frozen=True, slots=True)
class Delay:
    """Of one batch, in seconds. `first` and `last` are from the arrival of its first and last event to COMMIT."""

    events: int
    write: float
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Result:
    """Times are of time.monotonic, which all processes of a machine share; `cpu` is seconds without the load's own."""

    events: int
    started: float
    ended: float
    cpu: float
    peak_mb: float
    late_growth_mb: float = 0.0
    delays: list[Delay] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
