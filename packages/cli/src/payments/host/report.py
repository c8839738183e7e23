"""What a run of the host comes to, in figures."""

from array import array
from dataclasses import dataclass, field
from math import ceil
from typing import Final

_PERCENTILES: Final = (50, 95, 99)


@dataclass(frozen=True)
class Progress:
    """How far a run is. `done_bytes` and `total_bytes` are those of the present source."""

    source: str
    events: int
    done_bytes: int
    total_bytes: int | None


@dataclass(frozen=True)
class SourceReport:
    """`partitions[p]` is how many events of partition p the function has taken, so also the next sequence number."""

    source: str
    hub_name: str
    partitions: list[int]
    complete: bool


@dataclass(frozen=True)
class HostReport:
    """`stopped` says why a run ended before its end. Latency is that of the function's successful calls."""

    events: int
    batches: int
    retries: int
    seconds: float
    events_per_second: float
    latency_ms: dict[str, float]
    sources: list[SourceReport]
    stopped: str | None


@dataclass
class Tally:
    """Counts while the host runs. `seconds` is the time from first batches to last answers, source by source."""

    events: int = 0
    batches: int = 0
    retries: int = 0
    seconds: float = 0.0
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    sources: list[SourceReport] = field(default_factory=list)
    stopped: str | None = None

    def report(self) -> HostReport:
        ordered = sorted(self.latencies)
        return HostReport(
            events=self.events,
            batches=self.batches,
            retries=self.retries,
            seconds=round(self.seconds, 3),
            events_per_second=round(self.events / self.seconds, 1) if self.seconds else 0.0,
            latency_ms={f"p{percent}": _percentile(ordered, percent) for percent in _PERCENTILES},
            sources=self.sources,
            stopped=self.stopped,
        )


def _percentile(ordered: list[float], percent: int) -> float:
    """Nearest rank, in milliseconds."""
    return round(ordered[ceil(len(ordered) * percent / 100) - 1] * 1000, 2) if ordered else 0.0
