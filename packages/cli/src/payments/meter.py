"""Shows on standard error how far a long piece of work is: a bar on a terminal, else a line every few seconds."""

import sys
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_LINE_SECONDS: Final = 5.0
_SETTLING_SECONDS: Final = 0.2


class Meter:
    """`show` may be called as often as one likes."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._started = time.monotonic()
        self._last_line = self._started
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(verb, total=None, rate="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, events: int, done: float, total: float | None, what: str = "") -> None:
        """`done` of `total` is the share of the work, in any unit; without a total only the rate is shown."""
        now = time.monotonic()
        seconds = now - self._started
        rate = f"{events / seconds:,.0f} events/s" if seconds > _SETTLING_SECONDS else ""
        if self._bar is not None:
            description = f"{self._verb} {what}".strip()
            self._bar.update(
                self._task, completed=done, total=total, description=description, rate=f"{events:,}  {rate}"
            )
        elif now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            share = f", {100 * done / total:.0f} %" if total else ""
            print(f"{self._verb}: {events:,} events, {rate}{share}", file=sys.stderr)

    def say(self, message: str) -> None:
        """A line on standard error, above the bar if there is one."""
        if self._bar is not None:
            self._bar.console.print(message, markup=False, highlight=False)
        else:
            print(message, file=sys.stderr)
