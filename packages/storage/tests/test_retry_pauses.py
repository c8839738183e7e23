"""The pauses between the attempts of one delivery: longer and longer, bounded, and not those of another worker."""

import time
from datetime import UTC, datetime
from typing import Final

import pytest

from payments_core.event import Delivery
from payments_storage.errors import DatabaseUnavailableError, PermanentStorageError
from payments_storage.intake import Intake

ATTEMPTS: Final = 12
RUNS: Final = 200
DELIVERY: Final = Delivery("payments", "0", [b"{}"], [1], [datetime(2026, 1, 31, tzinfo=UTC)])


def pauses_of_a_run(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Of a delivery that PostgreSQL refuses for a passing reason, and at last for good. Nobody waits."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    errors = iter([*([DatabaseUnavailableError("away")] * ATTEMPTS), PermanentStorageError("gone")])

    def commit() -> None:
        raise next(errors)

    intake = Intake.__new__(Intake)  # the retry needs nothing of it
    with pytest.raises(PermanentStorageError):
        intake._retry(commit, DELIVERY, time.monotonic() + 3600)  # type: ignore[arg-type]
    return pauses


def test_pauses_grow_exponentially_up_to_ten_seconds_and_are_drawn_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [pauses_of_a_run(monkeypatch) for _ in range(RUNS)]
    for attempt, pauses in enumerate(zip(*runs, strict=True)):
        longest = min(0.2 * 2**attempt, 10)
        assert 0 <= min(pauses) < longest / 4, "full jitter: workers that failed together do not come back together"
        assert longest * 3 / 4 < max(pauses) <= longest
        assert len(set(pauses)) == RUNS


def test_no_attempt_begins_after_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[int] = []
    monkeypatch.setattr(time, "sleep", lambda _: None)

    def commit() -> None:
        attempts.append(1)
        raise DatabaseUnavailableError("away")

    intake = Intake.__new__(Intake)
    with pytest.raises(DatabaseUnavailableError):
        intake._retry(commit, DELIVERY, time.monotonic())  # type: ignore[arg-type]
    assert len(attempts) == 1
