"""A language worker process: takes batches over a socket, calls the function in a thread pool, answers how it went.

Run as `python -P -m payments.host.worker <socket's file descriptor> <function folder>`.
"""

import logging
import os
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Final

from payments.host.delivery import Batch, decode
from payments.host.function import LoadedFunction, load
from payments.host.messages import Answer, Loaded, NotLoaded

THREADS_SETTING: Final = "PYTHON_THREADPOOL_THREAD_COUNT"
DEPLOYED_THREADS: Final = 1
"""As the app is deployed (docs/settings.md): Python lets one thread parse, and others would only wait."""
# The texts of the house's own exceptions hold no payload; of another's, nobody knows.
_HOUSE: Final = ("payments_core.", "payments_storage.", "ingest.", "payments.")
_CAUSES: Final = 4


def main(descriptor: int, folder: Path) -> None:
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # standard output belongs to the command's report
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    connection = Connection(descriptor)
    try:
        function = load(folder)
    except Exception as error:  # noqa: BLE001 - whatever importing an app may raise ends up before the user
        connection.send(NotLoaded("".join(traceback.format_exception_only(error)).strip()))
        return
    connection.send(Loaded())
    answering = Lock()

    def invoke(batch: Batch) -> None:
        answer = _call(function, batch)
        with answering:
            connection.send(answer)

    with ThreadPoolExecutor(int(os.environ.get(THREADS_SETTING) or DEPLOYED_THREADS)) as pool:
        try:
            while (batch := connection.recv()) is not None:
                pool.submit(invoke, batch)
        except EOFError:  # the host is gone
            pool.shutdown(cancel_futures=True)


def _call(function: LoadedFunction, batch: Batch) -> Answer:
    started = time.perf_counter()
    raised = None
    try:
        events = decode(batch, function.consumer_group)
        started = time.perf_counter()
        function.call(**{function.argument: events})
    except BaseException as error:  # noqa: BLE001 - the host answers for every invocation, even one that exits
        raised = describe(error)
    return Answer(batch.partition, time.perf_counter() - started, raised)


def describe(error: BaseException) -> str:
    """Names an exception, the place it was raised at, and its causes, and gives away no payload."""
    names: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(names) < _CAUSES:
        module = type(cause).__module__
        name = f"{module}.{type(cause).__qualname__}".removeprefix("builtins.")
        names.append(f"{name}: {cause}" if module.startswith(_HOUSE) else name)
        cause = cause.__cause__
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{', caused by '.join(names)} ({Path(frame.filename).name}, line {frame.lineno})"


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
