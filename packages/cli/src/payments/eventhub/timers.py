"""The function app's timers, in threads of a host that has none."""

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
    """Calls each at once, and then whenever the clock has a multiple of so many seconds, as the Functions host does.

    Each has a thread of its own: a long compaction holds up no redrive. What one raises is logged, and it is called
    again in time.
    """
    stop = Event()
    threads = [Thread(target=_turn, args=(every, call, stop), name="timer", daemon=True) for every, call in timers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _turn(every: float, call: Callable[[], None], stop: Event) -> None:
    while not stop.is_set():
        due = (time.time() // every + 1) * every
        try:
            call()
        except Exception as error:  # noqa: BLE001 - what may end one turn must not end them all
            _log.error("a timer failed, and is called again in time: %s", describe(error))
        while (left := due - time.time()) > 0 and not stop.is_set():
            stop.wait(left)
