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
NEXT_DAY = DAY_SPAN.end + 2 * HOUR + 5 * MINUTE


def spread(system: System) -> None:
    """One event in each of the 60 minutes from noon on."""
    system.deliver(messages([body(n, occurred_at=rfc3339(NOON + n * MINUTE)) for n in range(60)]))


@pytest.mark.parametrize(
    ("now", "span"),
    [
        (NOON + 3 * HOUR, Span(NOON, NOON + HOUR)),
        (NOON + 4 * HOUR - MINUTE, Span(NOON, NOON + HOUR)),
        (NOON + 4 * HOUR, Span(NOON + HOUR, NOON + 2 * HOUR)),
        (NEXT_DAY, DAY_SPAN),
        (NEXT_DAY + HOUR, Span(DAY_SPAN.end, DAY_SPAN.end + HOUR)),
    ],
)
def test_due_is_the_hour_that_ended_two_hours_ago_and_after_the_last_one_the_day(
    system: System, now: datetime, span: Span | None
) -> None:
    spread(system)
    found = due(system.runtime.pipeline, now, events_at_most=60)
    assert found == span


def test_of_an_hour_that_is_too_much_another_part_is_due_at_each_hour(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    spread(system)
    pipeline = system.runtime.pipeline
    first = NOON + 5 * MINUTE * ((NOON - datetime.fromtimestamp(0, NOON.tzinfo)) // HOUR % 12)
    assert due(pipeline, NOON + 3 * HOUR, events_at_most=14) == Span(first, min(first + 10 * MINUTE, NOON + HOUR))
    assert "too many for the timer: it checks" in caplog.text
    assert due(pipeline, NOON + 3 * HOUR, events_at_most=4) is None


def test_a_day_that_is_too_much_is_left_to_the_command_and_the_log_says_so(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    spread(system)
    system.deliver(messages(bodies([70], occurred_at=rfc3339(DAY_SPAN.end - MINUTE)), first=60))
    assert due(system.runtime.pipeline, NEXT_DAY, events_at_most=60) == Span(DAY_SPAN.end - HOUR, DAY_SPAN.end)
    assert f"has 61 events, too many for the timer: run payments reconcile --from {DAY_SPAN.day}" in caplog.text


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
