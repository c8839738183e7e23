"""CPU time by step, added up around the pipeline's own functions while a measurement runs in this process."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from payments_core import batch
from payments_storage import intake, raw_event_store, tables, unit_of_work

P = ParamSpec("P")
R = TypeVar("R")

_STEPS: Final[tuple[tuple[Any, str, str], ...]] = (
    (intake, "mask", "guard"),
    (batch.Parser, "parse_and_normalize", "parse"),
    (tables, "claim_events", "claim"),
    (unit_of_work, "extract_metrics", "metric rows"),
    (tables, "store_dynamic_metrics", "encode and COPY"),
    (unit_of_work, "aggregate_payments", "aggregate"),
    (unit_of_work, "aggregate_histograms", "aggregate"),
    (tables, "update_payment_metrics_5m", "UPSERT"),
    (tables, "update_aggregate_histograms", "UPSERT"),
    (raw_event_store, "plan_files", "files by day"),
    (raw_event_store, "to_parquet", "Parquet"),
    (raw_event_store.BlobRawEventStore, "_upload", "upload"),
)
_spent: dict[str, float] = {}


def install() -> dict[str, float]:
    """Step -> seconds of CPU of its thread, from now on."""
    for owner, name, step in _STEPS:
        setattr(owner, name, _timed(step, getattr(owner, name)))
    return _spent


def host_decode(decode: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return _timed("host decode", decode)(*args, **kwargs)


def _timed(step: str, function: Callable[P, R]) -> Callable[P, R]:
    @wraps(function)
    def timed(*args: P.args, **kwargs: P.kwargs) -> R:
        before = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            _spent[step] = _spent.get(step, 0.0) + time.thread_time() - before

    return timed
