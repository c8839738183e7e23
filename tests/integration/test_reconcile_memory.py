"""Reconcile takes no more memory for many events than for some that make the same rows of the aggregates."""

from datetime import datetime, timedelta
from typing import Any, Final

from .events import DAY, NOON, body, messages, rfc3339
from .measured import figures_of
from .system import System

EVENTS_A_FILE: Final = 200
SOME, MANY = 20, 80


def deliver_files(system: System, count: int, noon: datetime) -> None:
    """Files of the same few minutes, types and amounts: the more of them, the more events has each row."""
    for number in range(count):
        first = number * EVENTS_A_FILE
        batch = [
            body(
                first + place,
                occurred_at=rfc3339(noon + timedelta(seconds=place)),
                event_type=f"payment.{place % 20}",
                amount=f"{place % 50}.00",
                fee_amount="0.10",
            )
            for place in range(EVENTS_A_FILE)
        ]
        system.deliver(messages(batch, first))


def needed(system: System, *noons: datetime) -> list[dict[str, Any]]:
    """What a process needs at most that reconciles these days, one after the other."""
    found: list[dict[str, Any]] = figures_of("reconcile_worker", system, *(noon.date().isoformat() for noon in noons))
    return found


def test_four_times_the_events_take_no_more_memory(system: System) -> None:
    deliver_files(system, SOME, NOON)
    deliver_files(system, MANY, NOON - DAY)
    _, some, many = needed(system, NOON, NOON, NOON - DAY)  # the first run also fills caches
    assert [(day["events"], day["differences"]) for day in (some, many)] == [
        (SOME * EVENTS_A_FILE, 0),
        (MANY * EVENTS_A_FILE, 0),
    ]
    for kind in ("Arrow", "Python"):
        assert many[kind] < 1.2 * some[kind], f"{kind} held {some[kind]:,} bytes at most, and then {many[kind]:,}"
