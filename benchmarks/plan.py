"""How long each measurement takes: the default fits into a few minutes, the smoke test into half of one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """`sustained_events` is for one long run, `rows` what `dynamic_metrics` has before some of the measurements."""

    seconds: float = 4.0
    runs: int = 3
    workers: tuple[int, ...] = (1, 2, 4)
    batch_sizes: tuple[int, ...] = (100, 500, 1000, 2500)
    rates: tuple[int, ...] = (1000, 5000, 10_000)
    rows: tuple[int, ...] = (0,)
    sustained_events: int = 0
    pool: int = 20_000
    metrics: tuple[int, ...] = (1, 4, 16)
    event_types: tuple[int, ...] = (10, 100, 10_000)
    late: tuple[float, ...] = (0.0, 0.01, 0.2)
    duplicates: tuple[float, ...] = (0.0, 0.01, 0.5)


SMOKE = Plan(
    seconds=0.3,
    runs=1,
    workers=(2,),
    batch_sizes=(50,),
    rates=(200,),
    rows=(1000,),
    pool=500,
    metrics=(16,),
    event_types=(10,),
    late=(0.2,),
    duplicates=(0.5,),
)
