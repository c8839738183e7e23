"""The timer: an hour that has come to rest, once a day the day, and never more than fits into its time."""

import logging
from datetime import datetime, timedelta

import pytest

from payments_storage.reconcile.span import Span
from payments_storage.reconcile.watch import due, watch

from .events import DAY, NOON, bodies, body, messages, rfc3339
from .reconciling import DAY_SPAN, KEPT
from .system import System

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def spread(system: System) -> None:
    """One event in each of the 60 minutes from noon on."""
    system.deliver(messages([body(n, occurred_at=rfc3339(NOON + n * MINUTE)) for n in range(60)]))


def turns(system: System, first: datetime, last: datetime, events_at_most: int) -> list[Span]:
    """What is due in runs every five minutes, at some moment within them."""
    moments = (first + 5 * n * MINUTE + timedelta(seconds=7 * n) for n in range((last - first) // (5 * MINUTE) + 1))
    spans = (due(system.runtime.pipeline, moment, events_at_most) for moment in moments)
    return [span for span in spans if span is not None]


def test_each_hour_is_due_once_two_hours_after_its_end_and_after_the_last_one_the_day(system: System) -> None:
    spread(system)
    due_at_noon = turns(system, NOON + 2 * HOUR, NOON + 4 * HOUR, events_at_most=60)
    assert due_at_noon == [Span(NOON - HOUR, NOON), Span(NOON, NOON + HOUR), Span(NOON + HOUR, NOON + 2 * HOUR)]
    midnight = DAY_SPAN.end + 2 * HOUR
    assert turns(system, midnight, midnight + HOUR, events_at_most=60) == [
        DAY_SPAN,
        Span(DAY_SPAN.end, DAY_SPAN.end + HOUR),
    ]


def test_an_hour_that_is_too_much_is_due_in_parts_that_leave_nothing_out(system: System) -> None:
    spread(system)
    parts = turns(system, NOON + 2 * HOUR + 5 * MINUTE, NOON + 3 * HOUR, events_at_most=59)
    assert parts == [Span(NOON + 5 * n * MINUTE, NOON + 5 * (n + 1) * MINUTE) for n in range(12)]
    assert turns(system, NOON + 3 * HOUR + 5 * MINUTE, NOON + 4 * HOUR, events_at_most=59) == [
        Span(NOON + HOUR, NOON + 2 * HOUR)
    ]


def test_five_minutes_that_are_too_much_are_an_error_in_the_log(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    spread(system)
    assert due(system.runtime.pipeline, NOON + 3 * HOUR, events_at_most=4) is None
    assert "has more than 4 events, too many for the timer: run payments reconcile" in caplog.text


def test_a_day_that_is_too_much_is_left_to_the_command_and_the_log_says_so(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    spread(system)
    system.deliver(messages(bodies([70], occurred_at=rfc3339(DAY_SPAN.end - MINUTE)), first=60))
    next_day = DAY_SPAN.end + 2 * HOUR + MINUTE
    assert due(system.runtime.pipeline, next_day, events_at_most=60) == Span(DAY_SPAN.end - HOUR, DAY_SPAN.end)
    assert f"{DAY_SPAN.day} is too much for the timer: what it leaves out, payments reconcile does" in caplog.text


def test_each_kind_of_difference_is_an_error_in_the_log(system: System, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "payments.reconcile")
    spread(system)
    system.deliver(messages(bodies([70], occurred_at=rfc3339(NOON - DAY)), first=60))
    system.owner_does("UPDATE payment_metrics_5m SET total_amount = total_amount + 0.01")
    findings = watch(system.runtime.pipeline, KEPT, NOON + 3 * HOUR)
    assert findings is not None
    assert findings.count == 12
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    expected = (
        f"payments: 12 differ (payments_differ): run payments reconcile --from {NOON:%Y-%m-%dT%H:%M:%SZ} "
        f"--to {NOON + HOUR:%Y-%m-%dT%H:%M:%SZ}"
    )
    assert [error.partition(" ")[2] for error in errors] == [expected]
    assert "events=60 differences=12" in caplog.records[-1].getMessage()


def test_an_hour_whose_aggregates_are_lost_is_looked_at_all_the_same(system: System) -> None:
    spread(system)
    system.owner_does("DELETE FROM payment_metrics_5m")
    findings = watch(system.runtime.pipeline, KEPT, NOON + 3 * HOUR)
    assert findings is not None
    assert findings["payments"].count == 12
