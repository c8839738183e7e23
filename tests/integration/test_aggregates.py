"""The two aggregate tables: the first batch makes a row, every later one adds to it."""

from datetime import timedelta
from decimal import Decimal, localcontext

import pytest

from .books import Books
from .events import NOON, body, messages, rfc3339
from .system import System

FIVE = timedelta(minutes=5)


def at(seconds: float) -> str:
    return rfc3339(NOON + timedelta(seconds=seconds))


def test_the_first_batch_makes_a_row_and_every_later_one_adds_to_it(system: System) -> None:
    """Batches, by time of the events:

    12:00:00   12:00:01  12:04:59.999999 | 12:05:00
       -3.50      20.00                  |
                                   10.00 |     1.00
                  25.00            -4.00 |
    """
    query = (
        "SELECT total_count, total_amount, avg_amount, min_amount, max_amount "
        "FROM payment_metrics_5m WHERE window_start = %s"
    )
    last = at(299.999999)
    batches = [
        messages([body(1, occurred_at=at(0), amount="-3.50"), body(2, occurred_at=at(1), amount="20.00")]),
        messages([body(3, occurred_at=last), body(4, occurred_at=at(300), amount="1.00")], first=2),
        messages([body(5, occurred_at=at(1), amount="25.00"), body(6, occurred_at=last, amount="-4.00")], first=4),
    ]
    books = Books()
    found = []
    for batch in batches:
        system.deliver(batch)
        books.deliver(batch)
        assert system.state() == books.state()
        ((count, total, average, low, high),) = system.rows(query, NOON)
        found.append((count, total, round(average, 12), low, high))
    assert found == [
        (2, Decimal("16.5"), Decimal("8.25"), Decimal("-3.5"), 20),
        (3, Decimal("26.5"), Decimal("8.833333333333"), Decimal("-3.5"), 20),
        (5, Decimal("47.5"), Decimal("9.5"), -4, 25),
    ]
    assert system.rows(query, NOON + FIVE) == [(1, 1, 1, 1, 1)]


def test_method_currency_and_status_have_rows_of_their_own(system: System) -> None:
    texts = [
        body(1),
        body(2, payment_method="sepa"),
        body(3, currency="JPY", amount="500"),
        body(4, payment_status="settled"),
        body(5, payment_status="settled"),
    ]
    system.deliver(messages(texts))
    assert system.rows(
        "SELECT payment_method, currency, payment_status, total_count, total_amount "
        "FROM payment_metrics_5m ORDER BY 1, 2, 3"
    ) == [
        ("card", "EUR", "captured", 1, 10),
        ("card", "EUR", "settled", 2, 20),
        ("card", "JPY", "captured", 1, 500),
        ("sepa", "EUR", "captured", 1, 10),
    ]


def test_sums_are_exact_where_binary_fractions_are_not(system: System) -> None:
    amounts = ["0.10", "0.20", "123456789012345678.90"]
    system.deliver(messages([body(n, amount=amount) for n, amount in enumerate(amounts)]))
    system.deliver(messages([body(9, amount="-123456789012345678.90")], first=9))
    assert system.rows("SELECT total_amount, total_count FROM payment_metrics_5m") == [(Decimal("0.3"), 4)]


def test_an_event_is_in_one_window_of_each_length(system: System) -> None:
    system.deliver(messages([body(1, occurred_at=at(3725.5))]))
    assert system.rows(
        "SELECT time_window_start, time_window_end - time_window_start FROM aggregate_histograms ORDER BY 2"
    ) == [
        (NOON + timedelta(minutes=62), timedelta(minutes=1)),
        (NOON + timedelta(minutes=60), timedelta(minutes=5)),
        (NOON + timedelta(minutes=60), timedelta(hours=1)),
        (NOON - timedelta(hours=12), timedelta(days=1)),
    ]


def test_a_histogram_counts_positive_zero_and_negative_values_and_adds_up_over_batches(system: System) -> None:
    batches = [["1.00", "1.00", "0.00"], ["1024.00", "-1.00", "0.01"]]
    books = Books()
    for place, amounts in enumerate(batches):
        batch = messages([body(place * 10 + n, amount=amount) for n, amount in enumerate(amounts)], first=place * 10)
        system.deliver(batch)
        books.deliver(batch)
    assert system.state() == books.state()
    with localcontext(prec=2000):
        # 1 is the upper end of bucket -1, 1024 that of bucket 79; 0.01 lies in bucket -54.
        positive = 2 * Decimal("1e-12") + Decimal(f"1e{12 * 79}") + Decimal(f"1e{12 * -54}")
    assert system.rows(
        "SELECT event_count, sum_value, min_value, max_value, zero_count, buckets, negative_buckets "
        "FROM aggregate_histograms WHERE time_window_end - time_window_start = interval '1 day'"
    ) == [(6, Decimal("1025.01"), -1, 1024, 1, positive, Decimal("1e-12"))]


@pytest.mark.parametrize("q", [0.0, 0.5, 0.95, 0.99, 1.0])
def test_a_quantile_over_any_union_of_windows_is_within_five_percent(system: System, q: float) -> None:
    values = [round(1.007**n, 6) for n in range(1500)]  # three and a half decades
    texts = [body(n, processing_time_ms=value) for n, value in enumerate(values)]
    for start in range(0, len(texts), 500):
        system.deliver(messages(texts[start : start + 500], first=start))
    for minutes in (1, 5, 60):
        ((estimate,),) = system.rows(
            "SELECT histogram_quantile(%s, sum(buckets), sum(zero_count), sum(negative_buckets)) "
            "FROM aggregate_histograms WHERE metric_type = 'processing_time_ms' "
            "AND time_window_end - time_window_start = make_interval(mins => %s)",
            q,
            minutes,
        )
        exact = values[max(0, round(q * len(values)) - 1)]
        assert abs(estimate - exact) <= 0.05 * exact, f"windows of {minutes} minutes"
