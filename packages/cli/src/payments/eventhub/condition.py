"""How a consuming process is: what it has done, and what is wrong with it now. Shared by threads."""

import time
from collections import Counter
from threading import Lock
from typing import Any, Final

from payments_storage.outcome import Outcome

_SILENCE_SECONDS: Final = 60.0
_COUNTED: Final = (
    *("delivered", "archived", "deferred", "duplicates", "failed", "failed_before", "dead_lettered"),
    "parked",
)


class Condition:
    """`beat` says that the process still turns; `held` has the partitions that are waiting to try a batch again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._owned: set[str] = set()
        self._held: dict[str, str] = {}
        self._trouble: str | None = "starting"
        self._beat = time.monotonic()

    def beat(self) -> None:
        self._beat = time.monotonic()

    def owns(self, partition: str, *, still: bool) -> None:
        with self._lock:
            (self._owned.add if still else self._owned.discard)(partition)
            self._held.pop(partition, None)
            self._trouble = None

    def done(self, partition: str, outcome: Outcome) -> None:
        with self._lock:
            self._held.pop(partition, None)
            self._trouble = None
            self._counts["batches"] += 1
            for name in _COUNTED:
                self._counts[name] += getattr(outcome, name)

    def holds(self, partition: str, reason: str) -> None:
        with self._lock:
            self._held[partition] = reason
            self._counts["retries"] += 1

    def troubled(self, reason: str) -> None:
        with self._lock:
            self._trouble = reason

    def count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1

    def not_alive(self) -> list[str]:
        """Why the process ought to be started again; empty when it need not."""
        silence = time.monotonic() - self._beat
        return [f"the event loop has not turned for {silence:.0f} s"] if silence > _SILENCE_SECONDS else []

    def not_ready(self) -> list[str]:
        """Why it takes no events, or not all; empty when it does. To own no partition is no fault."""
        with self._lock:
            reasons = [f"partition {name} is held: {reason}" for name, reason in sorted(self._held.items())]
            return self.not_alive() + reasons + ([self._trouble] if self._trouble else [])

    def metrics(self) -> dict[str, Any]:
        with self._lock:
            names = ("batches", "retries", "checkpoints_missed", *_COUNTED)
            return {"partitions": sorted(self._owned)} | {name: self._counts[name] for name in names}
