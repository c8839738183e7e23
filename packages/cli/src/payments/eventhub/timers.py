"""The function app's timers, in a thread of a host that has none."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from payments.host.worker import describe

REDRIVE_EVERY: Final = 60.0
RECONCILE_EVERY: Final = 300.0
COMPACT_EVERY: Final = 3_600.0
MAINTAIN_EVERY: Final = 86_400.0
_log: Final = logging.getLogger("payments.timers")


@contextmanager
def running(timers: Sequence[tuple[float, Callable[[], None]]]) -> Iterator[None]:
    """Calls each at once and then every so many seconds. What one raises is logged, and it is called again in time."""
    stop = Event()
    thread = Thread(target=_turn, args=(timers, stop), name="timers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _turn(timers: Sequence[tuple[float, Callable[[], None]]], stop: Event) -> None:
    due = [time.monotonic()] * len(timers)
    while timers and not stop.is_set():
        for number, (every, call) in enumerate(timers):
            if due[number] <= time.monotonic() and not stop.is_set():
                due[number] += every
                try:
                    call()
                except Exception as error:  # noqa: BLE001 - what may end one turn must not end them all
                    _log.error("a timer failed, and is called again in %.0f s: %s", every, describe(error))
        stop.wait(max(0.0, min(due) - time.monotonic()))
