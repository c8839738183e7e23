"""What the timer reconciles, of that which has come to rest: each hour, once a day the day, and hours that are too much
for one run of a function five minutes at a time.

It keeps no state: which turn it is the clock says, so that a run that fails leaves out no other.
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

EVENTS_AT_MOST: Final = 4_000_000
"""In one run of the timer, which has five minutes (docs/reconcile.md has the measurements)."""
_REST: Final = timedelta(hours=2)
"""Late events go on arriving after an hour is over; each makes a file that must be read."""
_HOUR: Final = timedelta(hours=1)
_SECONDS: Final = 30
_SQL: Final = load_queries("reconcile")
_log: Final = logging.getLogger("payments.reconcile")


def watch(pipeline: Pipeline, kept: Kept, now: datetime, events_at_most: int = EVENTS_AT_MOST) -> Findings | None:
    """Reconciles what is due now, and logs which kinds of difference there are. None where nothing was, or too much.

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
    """Of what ended two hours ago: at the end of a day the day, at the end of an hour the hour, and all of the time
    five minutes of an hour that is too much at once. Called every five minutes, it leaves out no event of such an hour.
    """
    end = now - (now - EPOCH) % FIVE_MINUTES - _REST
    part = Span(end - FIVE_MINUTES, end)
    hour = _hour_of(part)
    if end < hour.end:
        return None if _fits(pipeline, hour, events_at_most) else _part(pipeline, part, events_at_most)
    day = Span.of_day(hour.day)
    if hour.end == day.end:
        if _fits(pipeline, day, events_at_most):
            return day
        _log.warning("%s is too much for the timer: what it leaves out, payments reconcile does", day)
    if _fits(pipeline, hour, events_at_most):
        return hour
    return _part(pipeline, part, events_at_most)


def _hour_of(part: Span) -> Span:
    start = part.start - (part.start - EPOCH) % _HOUR
    return Span(start, start + _HOUR)


def _part(pipeline: Pipeline, part: Span, events_at_most: int) -> Span | None:
    if _fits(pipeline, part, events_at_most):
        return part
    _log.error("%s has more than %d events, too many for the timer: run payments reconcile", part, events_at_most)
    return None


def _fits(pipeline: Pipeline, span: Span, events_at_most: int) -> bool:
    """As payment_metrics_5m says; where that is wrong, there is a difference to be found."""
    with transaction(pipeline.pool, _SECONDS) as connection:
        ((events,),) = connection.execute(_SQL["events_of_span"], {"start": span.start, "end": span.end}).fetchall()
    return int(events) <= events_at_most
