"""Runs files through the function as the Functions host does.

Each partition goes in order, one batch at a time; batches go to the worker processes in turn; a batch whose call raised
is sent again until it is taken.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType

from payments.errors import Status, UserError
from payments.host import function
from payments.host.dispatch import Dispatch, Interrupted, Policy
from payments.host.report import HostReport, Progress, Tally
from payments.host.source import STDIN, Source, opened
from payments.host.workers import Workers

DEFAULT_PARTITIONS = 8
DEFAULT_WORKERS = 2


def _on_stderr(message: str) -> None:
    print(message, file=sys.stderr)


def run_host(
    files: Sequence[str | Path],
    *,
    function_folder: Path = function.FOLDER,
    partitions: int = DEFAULT_PARTITIONS,
    workers: int = DEFAULT_WORKERS,
    batch_size: int | None = None,
    max_retries: int | None = None,
    enqueue_time_of: Callable[[str], datetime | None] = lambda _: None,
    defaults: Mapping[str, str] = MappingProxyType({}),
    progress: Callable[[Progress], None] = lambda _: None,
    warn: Callable[[str], None] = _on_stderr,
) -> HostReport:
    """Ingest files (`-` is standard input) one after the other; the function finds its settings in the environment,
    and in `defaults` what that does not have.

    `enqueue_time_of` tells when an event hub's events arrived if they are known already; then they arrive at that time
    again. `batch_size` is host.json's if it is not given, and retries have no end.
    """
    arguments = [str(file) for file in files]
    for argument in arguments:
        if argument != STDIN and not Path(argument).exists():
            raise UserError(f"There is no file {argument}.", Status.WRONG_USAGE)
    policy = Policy(partitions, batch_size or function.batch_size(function_folder), max_retries)
    tally = Tally()
    arrived = datetime.min.replace(tzinfo=UTC)
    with Workers(workers, function_folder, defaults) as pool:
        for argument in arguments:
            with opened(argument, partitions) as source:
                arrived = enqueue_time_of(source.hub_name) or _now_after(arrived)
                dispatch = Dispatch(source, enqueued_at=arrived, policy=policy, workers=pool, tally=tally, warn=warn)
                with _interruptible(pool.inbox):
                    _ingest(dispatch, source, progress, tally)
            if tally.stopped is not None:
                break
    return tally.report()


def _ingest(dispatch: Dispatch, source: Source, progress: Callable[[Progress], None], tally: Tally) -> None:
    try:
        while dispatch.step():
            progress(Progress(source.label, tally.events, dispatch.done_bytes, source.size))
    finally:
        dispatch.close()


def _now_after(last: datetime) -> datetime:
    """The present millisecond, the event hub's precision; never the same one twice."""
    now = datetime.now(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return max(now, last + timedelta(milliseconds=1))


@contextmanager
def _interruptible(inbox: "SimpleQueue[object]") -> Iterator[None]:
    """The first Ctrl-C asks for an orderly end (no message to a worker may be cut in two); the second one is rude."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def on_interrupt(_signal: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        inbox.put(Interrupted())

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
