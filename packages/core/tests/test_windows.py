"""Windows: [start, start + length), against the Unix epoch, in UTC. In the drawings a mark opens a window."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_core.aggregates import DEFAULT_WINDOWS, WindowsError, aggregate_payments, check_windows, window_start
from payments_core.event import TIMESTAMP

from .examples import body, deliver, parse

MINUTE, FIVE, HOUR, DAY = DEFAULT_WINDOWS
SECOND = timedelta(seconds=1)
MICRO = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def starts(length: timedelta, *texts: str) -> list[str]:
    instants = pa.array([datetime.fromisoformat(text) for text in texts], TIMESTAMP)
    return [(EPOCH + us * MICRO).isoformat() for us in window_start(instants, length).to_pylist()]


def day(*clocks: str) -> list[str]:
    return [f"2026-01-31T{clock}+00:00" for clock in clocks]


def test_the_start_belongs_to_the_window_and_the_end_to_the_next() -> None:
    """Five minutes.

    11:55           12:00           12:05
      |---------------|---------------|----
      a              bc              de
    """
    a, b, c, d, e = day("11:55:00", "11:59:59.999999", "12:00:00", "12:04:59.999999", "12:05:00")
    assert starts(FIVE, a, b, c, d, e) == day("11:55:00", "11:55:00", "12:00:00", "12:00:00", "12:05:00")


def test_every_length_cuts_the_same_instant_its_own_way() -> None:
    """One instant, x, in four windows.

    00:00                     12:00       12:55  12:59  13:00        24:00
      |-------------------------------------------x---------------------|   day
                                |-----------------x-------|                 hour
                                            |-----x-------|                 5 minutes
                                                 |x|                        minute
    """
    found = [starts(length, *day("12:58:30.5"))[0] for length in (DAY, HOUR, FIVE, MINUTE)]
    assert found == day("00:00:00", "12:00:00", "12:55:00", "12:58:00")


def test_midnight_opens_a_window_of_every_length() -> None:
    """Before and after midnight.

            30 January    |    31 January
    ----------------------|----------------------
                         ab
    """
    before, after = "2026-01-30T23:59:59.999999+00:00", "2026-01-31T00:00:00+00:00"
    for length in DEFAULT_WINDOWS:
        assert starts(length, before, after) == [(datetime.fromisoformat(after) - length).isoformat(), after]


def test_windows_are_cut_in_utc_whatever_the_offset() -> None:
    """One instant, told in three zones, of which two are already, or still, in another day.

    30 January (UTC)                     31 January (UTC)
    -------------------------------------|--------------------------
                             23:30 Z
                             05:15+05:45 (31 January)
                             13:30-10:00 (30 January)
    """
    told = ["2026-01-30T23:30:00+00:00", "2026-01-31T05:15:00+05:45", "2026-01-30T13:30:00-10:00"]
    assert starts(DAY, *told) == ["2026-01-30T00:00:00+00:00"] * 3
    assert starts(HOUR, *told) == ["2026-01-30T23:00:00+00:00"] * 3


def test_a_clock_change_moves_no_window() -> None:
    """The night in which Berlin's clocks go back: local 02:30 comes twice, an hour apart.

    local  02:00      03:00=02:00      03:00
    UTC    00:00         01:00         02:00
             |-------------|-------------|
                   a             b
    """
    a, b = "2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+01:00"
    assert starts(HOUR, a, b) == ["2025-10-26T00:00:00+00:00", "2025-10-26T01:00:00+00:00"]
    noon_to_noon = ["2025-10-26T00:00:00+00:00", "2025-10-26T23:59:59+00:00", "2025-10-27T00:00:00+00:00"]
    assert starts(DAY, *noon_to_noon) == [noon_to_noon[0], noon_to_noon[0], noon_to_noon[2]]


def test_a_leap_second_falls_into_the_window_that_opens_after_it() -> None:
    """As PostgreSQL has it, 23:59:60 is the instant 00:00:00.

    23:55                  00:00
      |----------------------|-----------
                  23:59:59   23:59:60
                             00:00:00
    """
    told = ["2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"]
    rows = aggregate_payments(parse(deliver(*(body(occurred_at=text) for text in told))).events)
    assert [(row.window_start.isoformat(), row.total_count) for row in rows] == [
        ("2016-12-31T23:55:00+00:00", 1),
        ("2017-01-01T00:00:00+00:00", 2),
    ]


def test_a_fraction_that_rounds_up_may_open_the_next_window() -> None:
    """Instants are microseconds before they are windowed; so archive and aggregates always agree.

    12:00                  12:05
      |----------------------|-----------
          12:04:59.9999994 ..|.. 12:04:59.9999995
    """
    told = ["2026-01-31T11:04:59.9999994Z", "2026-01-31T11:04:59.9999995Z"]
    rows = aggregate_payments(parse(deliver(*(body(occurred_at=text) for text in told))).events)
    assert [row.window_start.minute for row in rows] == [0, 5]


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - the zone comes below
    st.integers(1, 100_000).map(lambda seconds: seconds * SECOND),
)
def test_a_window_holds_its_instant_and_starts_at_a_multiple_of_its_length(moment: datetime, length: timedelta) -> None:
    instant = moment.replace(tzinfo=UTC)
    start = datetime.fromisoformat(starts(length, instant.isoformat())[0])
    assert start <= instant < start + length
    assert (start - EPOCH) % length == timedelta(0)


@pytest.mark.parametrize(
    ("lengths", "ordered"),
    [
        (DEFAULT_WINDOWS, DEFAULT_WINDOWS),
        ((HOUR, MINUTE, FIVE, HOUR), (MINUTE, FIVE, HOUR)),
        ((SECOND,), (SECOND,)),
        (
            (7 * DAY, DAY, 90 * SECOND, 30 * SECOND, 180 * SECOND),
            (30 * SECOND, 90 * SECOND, 180 * SECOND, DAY, 7 * DAY),
        ),
    ],
)
def test_windows_come_shortest_first_and_once(lengths: tuple[timedelta, ...], ordered: tuple[timedelta, ...]) -> None:
    assert check_windows(lengths) == ordered


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ((), "at least one"),
        ((timedelta(0),), "whole seconds"),
        ((-MINUTE,), "whole seconds"),
        ((timedelta(milliseconds=500),), "whole seconds"),
        ((timedelta(seconds=1.5),), "whole seconds"),
        ((FIVE, 7 * MINUTE), "0:07:00 cannot be made of windows of 0:05:00"),
        ((MINUTE, 90 * SECOND), "0:01:30 cannot be made of windows of 0:01:00"),
        ((FIVE, HOUR, 90 * MINUTE), "1:30:00 cannot be made of windows of 1:00:00"),
        ((SECOND, timedelta(seconds=2, microseconds=1)), "cannot be made"),
    ],
)
def test_windows_that_do_not_nest_are_refused(lengths: tuple[timedelta, ...], said: str) -> None:
    """Two minutes and five:

    0     2     4  5  6     8     10
    |-----|-----|-----|-----|-----|
    |--------------|--------------|
                   ^ inside a window of two: its count belongs to neither side
    """
    with pytest.raises(WindowsError, match=said):
        check_windows(lengths)


def test_the_default_windows_nest() -> None:
    assert check_windows(DEFAULT_WINDOWS) == DEFAULT_WINDOWS
    assert all(longer % shorter == timedelta(0) for shorter, longer in pairwise(DEFAULT_WINDOWS))
