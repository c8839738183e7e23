"""What the timer functions do: `payments_storage.timers`, with the parts of this worker."""

from ingest.wiring import Runtime
from payments_storage import timers


def redrive(runtime: Runtime) -> None:
    timers.redrive(runtime.pipeline)


def compact(runtime: Runtime) -> None:
    timers.compact(runtime.pipeline, runtime.settings)


def maintain(runtime: Runtime) -> None:
    timers.maintain(runtime.pipeline, runtime.settings)


def reconcile(runtime: Runtime) -> None:
    timers.reconcile(runtime.pipeline, runtime.settings)
