"""Reads a source in a thread of its own and gives its lines to the inbox, never more of them than a budget of bytes."""

from dataclasses import dataclass
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Final

from payments.errors import UserError
from payments.host.lines import blocks
from payments.host.partitions import spread
from payments.host.source import Source

BUDGET_BYTES: Final = 32 << 20


@dataclass(frozen=True)
class Lines:
    by_partition: dict[int, list[bytes]]


@dataclass(frozen=True)
class EndOfLines:
    """`error` is why reading ended early."""

    error: str | None


class Feed:
    """`release` what has been dealt with, or reading stands still."""

    def __init__(self, source: Source, partitions: int, inbox: "SimpleQueue[object]") -> None:
        self._source = source
        self._partitions = partitions
        self._inbox = inbox
        self._changed = Condition()
        self._held = 0
        self._closed = False
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def release(self, count: int) -> None:
        with self._changed:
            self._held -= count
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._source.size is not None:  # a pipe may keep its reader waiting for ever
            self._thread.join()

    def _read(self) -> None:
        error = None
        try:
            for lines in blocks(self._source):
                if not self._take(sum(map(len, lines))):
                    return
                self._inbox.put(Lines(spread(lines, self._partitions)))
        except UserError as reason:
            error = str(reason)
        except OSError as reason:
            error = f"{self._source.label} cannot be read any further: {reason.strerror}"
        self._inbox.put(EndOfLines(error))

    def _take(self, count: int) -> bool:
        """False when nobody wants more. A block larger than the budget goes when nothing else is held."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._held or self._held + count <= BUDGET_BYTES)
            self._held += count
            return not self._closed
