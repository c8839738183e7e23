"""What a batch adds to the two aggregate tables equals a plain recount, and adding up batches loses nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from payments_core.aggregates import DEFAULT_WINDOWS, HistogramRow, aggregate_histograms, aggregate_payments
from payments_core.metrics import extract_metrics

from .examples import RULES, body, deliver, parse
from .recount import (
    Entry,
    merge_histograms,
    merge_payments,
    metric_table,
    payment_table,
    recount_histograms,
    recount_payments,
    unpacked,
)

MIDNIGHT = datetime(2026, 1, 31, tzinfo=UTC)
NAMES = st.tuples(*[st.sampled_from(["a", "b", "B", "\u00e9", "\U0001f4b6", "a b"])] * 3)
# Twelve digits at most: a bucket's edge is then never as close as the rounding of a logarithm.
VALUES = st.one_of(
    st.integers(-(10**11), 10**11).map(lambda cents: Decimal(cents).scaleb(-2)),
    st.integers(-(10**11), 10**11).map(lambda units: Decimal(units).scaleb(-9)),
    st.sampled_from([Decimal(0), Decimal(1), Decimal(-1), Decimal(2), Decimal("0.5"), Decimal("1E+17")]),
)
OFFSETS = st.one_of(
    st.integers(-400, 400).map(lambda seconds: timedelta(seconds=seconds)),
    st.sampled_from([0, 1, 5, 60, 1440]).flatmap(
        lambda minute: st.integers(-1, 1).map(lambda us: timedelta(minutes=minute, microseconds=us))
    ),
    st.timedeltas(timedelta(days=-400), timedelta(days=2)),
)
ENTRIES = st.lists(st.builds(Entry, NAMES, VALUES, OFFSETS.map(lambda offset: MIDNIGHT + offset)), max_size=25)


@given(ENTRIES)
def test_payments_equal_a_recount_sorted_by_their_whole_key(entries: list[Entry]) -> None:
    assert aggregate_payments(payment_table(entries)) == recount_payments(entries)


@given(ENTRIES)
def test_histograms_equal_a_recount_for_every_window_length_sorted_by_their_whole_key(entries: list[Entry]) -> None:
    rows = aggregate_histograms(metric_table(entries), DEFAULT_WINDOWS)
    assert unpacked(rows) == recount_histograms(entries, DEFAULT_WINDOWS)


@given(ENTRIES)
def test_the_shortest_window_need_not_be_a_minute(entries: list[Entry]) -> None:
    for lengths in (DEFAULT_WINDOWS[2:], DEFAULT_WINDOWS[1:2]):
        assert unpacked(aggregate_histograms(metric_table(entries), lengths)) == recount_histograms(entries, lengths)


@given(ENTRIES, st.integers(0, 25))
def test_two_batches_add_up_to_what_one_batch_of_both_gives(entries: list[Entry], cut: int) -> None:
    both = payment_table(entries)
    parts = [aggregate_payments(both.slice(0, cut)), aggregate_payments(both.slice(cut))]
    assert merge_payments(parts[0] + parts[1]) == merge_payments(aggregate_payments(both))

    metrics = metric_table(entries)
    halves = [aggregate_histograms(part, DEFAULT_WINDOWS) for part in (metrics.slice(0, cut), metrics.slice(cut))]
    assert merge_histograms(halves[0] + halves[1]) == merge_histograms(aggregate_histograms(metrics, DEFAULT_WINDOWS))


@given(ENTRIES)
def test_each_window_is_the_sum_of_the_shorter_ones_in_it(entries: list[Entry]) -> None:
    """A dashboard may read a day from the day's row or from 1440 minutes."""
    metrics = metric_table(entries)
    minutes = aggregate_histograms(metrics, DEFAULT_WINDOWS[:1])
    for length in DEFAULT_WINDOWS[1:]:
        rows = aggregate_histograms(metrics, (length,))
        widened = []
        for minute in minutes:
            [start] = [row.time_window_start for row in rows if row[:2] == minute[:2] and holds(row, minute)]
            widened.append(minute._replace(time_window_start=start, time_window_end=start + length))
        assert merge_histograms(widened) == merge_histograms(rows)


def holds(row: HistogramRow, minute: HistogramRow) -> bool:
    return row.time_window_start <= minute.time_window_start and minute.time_window_end <= row.time_window_end


def test_the_order_of_the_events_changes_nothing() -> None:
    entries = [Entry(("m", "e", str(n)), Decimal(n % 7 - 3), MIDNIGHT + timedelta(seconds=37 * n)) for n in range(200)]
    backwards = entries[::-1]
    assert aggregate_payments(payment_table(entries)) == aggregate_payments(payment_table(backwards))
    assert aggregate_histograms(metric_table(entries), DEFAULT_WINDOWS) == aggregate_histograms(
        metric_table(backwards), DEFAULT_WINDOWS
    )


def test_nothing_adds_nothing() -> None:
    assert aggregate_payments(payment_table([])) == []
    assert aggregate_histograms(metric_table([]), DEFAULT_WINDOWS) == []


def test_sums_are_exact_beyond_what_floats_hold() -> None:
    """Ten thousand of the longest amounts, to the ninth decimal."""
    value = Decimal("999999999999999999.999999999")
    [row] = aggregate_payments(payment_table([Entry(("a", "XAU", "b"), value, MIDNIGHT)] * 10_000))
    assert row.total_amount == Decimal("9999999999999999999999.999990000")
    [histogram] = aggregate_histograms(
        metric_table([Entry(("a", "b", "c"), value, MIDNIGHT)] * 10_000), DEFAULT_WINDOWS[:1]
    )
    assert histogram.sum_value == Decimal("9999999999999999999999.999990000")


def test_from_bodies_to_rows() -> None:
    """The whole way once, with figures to check by hand.

    11:55                 12:00
      |---------------------|--------
       10.00 EUR   0.25      5.00
       -3.00 EUR (refund)
    """
    bodies = [
        body(transaction_id="t1", amount="10.00", occurred_at="2026-01-31T11:55:00Z"),
        body(transaction_id="t2", amount="-3.00", occurred_at="2026-01-31T11:56:00Z", event_type="refund"),
        body(transaction_id="t3", amount="0.25", occurred_at="2026-01-31T11:59:59.999999Z", currency="eur"),
        body(transaction_id="t4", amount="5.00", occurred_at="2026-01-31T12:00:00Z"),
    ]
    events = parse(deliver(*bodies)).events
    at = datetime(2026, 1, 31, 11, 55, tzinfo=UTC)
    key = ("card", "EUR", "captured")
    assert aggregate_payments(events) == [
        (at, *key, 3, Decimal("7.25"), Decimal(-3), Decimal(10)),
        (at + timedelta(minutes=5), *key, 1, Decimal(5), Decimal(5), Decimal(5)),
    ]
    rows = aggregate_histograms(extract_metrics(events, RULES), (timedelta(days=1),))
    midnight = at.replace(hour=0, minute=0)
    day = (midnight, midnight + timedelta(days=1))
    assert [row[:8] for row in rows] == [
        ("amount", "payment.captured", *day, 3, Decimal("15.25"), Decimal("0.25"), Decimal(10)),
        ("amount", "refund", *day, 1, Decimal(-3), Decimal(-3), Decimal(-3)),
    ]
    assert [(row.zero_count, row.negative_buckets.lanes == 0) for row in rows] == [(0, True), (0, False)]
