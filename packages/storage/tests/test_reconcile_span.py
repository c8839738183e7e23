"""Spans of time, and what is left of a gap in sequence numbers."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from payments_storage.reconcile.sequences import _without
from payments_storage.reconcile.span import Span, SpanError

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_span_is_cut_at_midnight_in_utc() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    span = Span((NOON - 13 * HOUR).astimezone(india), NOON + 12 * HOUR)
    assert [str(part) for part in span.parts()] == ["2026-03-13T23:00Z/2026-03-14T00:00Z", "2026-03-14"]
    assert [part.whole_day for part in span.parts()] == [False, True]
    assert [part.day for part in span.parts()] == [date(2026, 3, 13), date(2026, 3, 14)]


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (NOON, NOON, "ends .* before it begins"),
        (NOON, NOON - HOUR, "ends .* before it begins"),
        (NOON + timedelta(minutes=1), NOON + HOUR, "not a multiple of five minutes"),
        (NOON, NOON + timedelta(seconds=300, microseconds=1), "not a multiple of five minutes"),
        (NOON.replace(tzinfo=None), NOON, "not a multiple of five minutes in UTC"),
    ],
)
def test_a_span_that_no_table_can_be_cut_at_is_refused(start: datetime, end: datetime, reason: str) -> None:
    with pytest.raises(SpanError, match=reason):
        Span(start, end)


@pytest.mark.parametrize(
    ("explained", "left"),
    [
        ([], [(10, 20)]),
        ([(10, 20)], []),
        ([(1, 30)], []),
        ([(1, 12)], [(13, 20)]),
        ([(18, 30)], [(10, 17)]),
        ([(12, 13), (15, 15)], [(10, 11), (14, 14), (16, 20)]),
        ([(10, 18), (11, 12), (19, 19)], [(20, 20)]),
        ([(1, 5), (30, 40)], [(10, 20)]),
    ],
)
def test_a_gap_is_what_no_dead_letter_holds(explained: list[tuple[int, int]], left: list[tuple[int, int]]) -> None:
    assert _without(10, 20, explained) == left
