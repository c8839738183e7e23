"""What the timer reconciles: every hour one hour that has come to rest, and once a day the whole day before.

A function may run for five minutes only: of what is too much for that a part is checked, and the log says so.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from payments_core.aggregates import EPOCH, FIVE_MINUTES
from payments_storage.connect import transaction
from payments_storage.pipeline import Pipeline
from payments_storage.reconcile.findings import Findings
from payments_storage.reconcile.reconcile import Kept, Reconciler
from payments_storage.reconcile.span import Span
from payments_storage.sql import load_queries

EVENTS_AT_MOST: Final = 1_000_000
"""In one run of the timer (docs/reconcile.md has the measurements)."""
_REST: Final = timedelta(hours=2)
"""Late events go on arriving after an hour is over; each makes a file that must be read."""
_HOUR: Final = timedelta(hours=1)
_SECONDS: Final = 30
_SQL: Final = load_queries("reconcile")
_log: Final = logging.getLogger("payments.reconcile")


def watch(pipeline: Pipeline, kept: Kept, now: datetime, events_at_most: int = EVENTS_AT_MOST) -> Findings | None:
    """Reconciles what is due at this hour, and logs which kinds of difference there are. None where all was too much.

    Which transactions and which amounts, only `payments reconcile` says: a log is no place for them.
    """
    span = due(pipeline, now, events_at_most)
    if span is None:
        return None
    findings = Reconciler(pipeline, kept, now=lambda: now).run(span)
    for name, check in findings.checks.items():
        if check.count:
            kinds = ", ".join(dict.fromkeys(each.kind.value for each in check.named))
            _log.error("%s %s: %d differ (%s): run payments reconcile %s", span, name, check.count, kinds, _range(span))
    events = findings["payloads"].compared.get("events", 0)
    _log.info("%s events=%d differences=%d seconds=%.1f", span, events, findings.count, findings.seconds)
    return findings


def _range(span: Span) -> str:
    return f"--from {span.start:%Y-%m-%dT%H:%M:%SZ} --to {span.end:%Y-%m-%dT%H:%M:%SZ}"


def due(pipeline: Pipeline, now: datetime, events_at_most: int) -> Span | None:
    """The hour that ended two hours ago; where that is the last of a day, the day."""
    end = now - (now - EPOCH) % _HOUR - _REST
    hour = Span(end - _HOUR, end)
    day = Span.of_day(hour.day)
    if hour.end == day.end:
        events = sum(_events_by_window(pipeline, day).values())
        if events <= events_at_most:
            return day
        _log.warning("%s has %d events, too many for the timer: run payments reconcile --from %s", day, events, day.day)
    return _part_of_hour(hour, _events_by_window(pipeline, hour), events_at_most)


def _part_of_hour(hour: Span, events: dict[datetime, int], events_at_most: int) -> Span | None:
    """The hour if it fits, else as many of its five minutes as do, from another start each hour."""
    if sum(events.values()) <= events_at_most:
        return hour
    windows = _HOUR // FIVE_MINUTES
    start = hour.start + FIVE_MINUTES * ((hour.start - EPOCH) // _HOUR % windows)
    end = start
    total = 0
    while end < hour.end and (total := total + events.get(end, 0)) <= events_at_most:
        end += FIVE_MINUTES
    checked = Span(start, end) if end > start else None
    _log.warning("%s has %d events, too many for the timer: it checks %s", hour, sum(events.values()), checked)
    return checked


def _events_by_window(pipeline: Pipeline, span: Span) -> dict[datetime, int]:
    with transaction(pipeline.pool, _SECONDS) as connection:
        rows = connection.execute(_SQL["events_by_window"], {"start": span.start, "end": span.end}).fetchall()
    return {start: int(events) for start, events in rows}
