"""Collects all that is written while something runs: every logger's records, tracebacks, the servers' own logs."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class EverythingWritten(logging.Handler):
    """Every record as a handler would print it, traceback and chained causes included."""

    def __init__(self, logs: list[Path]) -> None:
        super().__init__(logging.DEBUG)
        self._formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")
        self._logs = {log: log.stat().st_size for log in logs}
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self._formatter.format(record))

    @contextmanager
    def raising(self, expected: type[Exception]) -> Iterator[None]:
        """What is raised here goes to the host, which logs it with its traceback."""
        try:
            yield
        except expected as error:
            self.lines += traceback.format_exception(error)
        else:
            raise AssertionError(f"{expected.__name__} was to be raised")

    def text(self) -> str:
        """Since the beginning."""
        written = [log.read_bytes()[start:].decode(errors="replace") for log, start in self._logs.items()]
        return "\n".join([*self.lines, *written])


@contextmanager
def everything_written(logs: list[Path]) -> Iterator[EverythingWritten]:
    handler = EverythingWritten(logs)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
