"""`occurred_at`: which texts are a time, which instant they are, and from when to when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_core.errors import ErrorCode, Stage

from .examples import ENQUEUED, body, refused, taken, written


def at(hour: int, minute: int = 0, second: int = 0, micros: int = 0) -> datetime:
    return datetime(2026, 1, 31, hour, minute, second, micros, UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T11:00:00Z", at(11)),
        ("2026-01-31t11:00:00z", at(11)),
        ("2026-01-31 11:00:00Z", at(11)),
        ("2026-01-31T11:00:00+00:00", at(11)),
        ("2026-01-31T11:00:00-00:00", at(11)),
        ("2026-01-31T13:00:00+02:00", at(11)),
        ("2026-01-31T13:00:00+0200", at(11)),
        ("2026-01-31T16:30:00+05:30", at(11)),
        ("2026-01-31T16:45:00+05:45", at(11)),
        ("2026-01-30T21:15:00-13:45", at(11)),
        ("2026-02-01T01:00:00+14:00", at(11)),
        ("2026-01-30T11:01:00-23:59", at(11)),
        ("2026-01-31T11:00:00.5Z", at(11, 0, 0, 500_000)),
        ("2026-01-31T11:00:00.123Z", at(11, 0, 0, 123_000)),
        ("2026-01-31T11:00:00.123456Z", at(11, 0, 0, 123_456)),
        ("2026-01-31T11:00:00.1234564Z", at(11, 0, 0, 123_456)),
        ("2026-01-31T11:00:00.1234565Z", at(11, 0, 0, 123_457)),
        ("2026-01-31T11:00:00.123456499999Z", at(11, 0, 0, 123_456)),
        ("2026-01-31T10:59:59.9999995Z", at(11)),
        ("2026-01-31T12:59:59.999999999+02:00", at(11)),
        ("2026-01-30T23:59:59.9999999Z", at(0)),
    ],
)
def test_an_rfc_3339_time_is_its_instant_in_utc_to_the_microsecond(text: str, instant: datetime) -> None:
    occurred_at = taken(body(occurred_at=text)).occurred_at
    assert occurred_at == instant
    assert occurred_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60.25Z", datetime(2017, 1, 1, microsecond=250_000, tzinfo=UTC)),
        ("2016-12-31T23:59:60.9999999Z", datetime(2017, 1, 1, second=1, tzinfo=UTC)),
        ("2016-12-31T18:59:60-05:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T05:29:60+05:30", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2015-06-30T23:59:60Z", datetime(2015, 7, 1, tzinfo=UTC)),
    ],
)
def test_a_leap_second_is_the_instant_of_the_second_after_it(text: str, instant: datetime) -> None:
    assert taken(body(occurred_at=text)).occurred_at == instant


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "2026-01-31",
        "2026-01-31T11:00Z",
        "20260131T110000Z",
        "2026-1-31T11:00:00Z",
        "2026-01-31_11:00:00Z",
        "2026-01-31T11:00:00,5Z",
        "2026-01-31T11:00:00.Z",
        "2026-01-31T11:00:00 Z",
        "2026-01-31T11:00:00Z ",
        "2026-01-31T11:00:00+02",
        "2026-01-31T11:00:00 Europe/Berlin",
        "\uff12026-01-31T11:00:00Z",
        "1769857200",
        "2026-02-29T11:00:00Z",
        "2026-13-01T11:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T11:60:00Z",
        "2026-01-31T11:00:61Z",
        "2026-01-31T11:00:00+24:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59.9999999Z",
        "9999-12-31T23:59:60Z",
        "2026-01-30T23:59:60Z",
        "2016-12-31T23:59:60+01:00",
        "2016-12-31T22:59:60Z",
        "2017-01-01T00:00:60Z",
    ],
)
def test_a_text_that_is_no_moment_is_refused(text: str) -> None:
    rejection = refused(body(occurred_at=text))
    assert (rejection.code, rejection.field) == (ErrorCode.TIMESTAMP_INVALID, "occurred_at")


@pytest.mark.parametrize("text", ["2026-01-31T11:00:00", "2026-01-31 11:00:00.25"])
def test_a_time_without_an_offset_is_refused_and_not_guessed(text: str) -> None:
    rejection = refused(body(occurred_at=text))
    assert (rejection.code, rejection.field) == (ErrorCode.TIMESTAMP_WITHOUT_OFFSET, "occurred_at")


@pytest.mark.parametrize("value", ["1769857200", "1769857200.5", "true", "{}", "[]"])
def test_a_number_is_no_time(value: str) -> None:
    """Seconds or milliseconds? Nobody can tell."""
    rejection = refused(written(occurred_at=value))
    assert (rejection.code, rejection.field) == (ErrorCode.FIELD_WRONG_TYPE, "occurred_at")


@pytest.mark.parametrize("text", [body("occurred_at"), written(occurred_at="null")])
def test_a_time_must_be_there(text: bytes) -> None:
    rejection = refused(text)
    assert (rejection.code, rejection.field) == (ErrorCode.FIELD_MISSING, "occurred_at")


@pytest.mark.parametrize(
    ("text", "in_range"),
    [
        ("2000-01-01T00:00:00Z", True),
        ("1999-12-31T23:59:59.999999Z", False),
        ("1999-12-31T23:00:00-02:00", True),
        ("2000-01-01T00:00:00+00:01", False),
        ("1999-12-31T23:59:60Z", True),
        ("2026-02-01T12:00:00Z", True),
        ("2026-02-01T12:00:00.000001Z", False),
        ("2026-02-01T12:00:00.0000004Z", True),
        ("2026-02-02T02:00:00+14:00", True),
        ("2026-02-01T12:00:01Z", False),
        ("1969-12-31T23:59:59Z", False),
        ("9999-12-31T23:59:59Z", False),
    ],
)
def test_times_run_from_the_year_2000_to_a_day_after_arrival(text: str, *, in_range: bool) -> None:
    """Both ends belong to the range. Arrival is the enqueue time: the core has no clock."""
    if in_range:
        taken(body(occurred_at=text))
    else:
        rejection = refused(body(occurred_at=text))
        assert (rejection.code, rejection.stage) == (ErrorCode.TIMESTAMP_OUT_OF_RANGE, Stage.VALIDATE)


@given(
    st.datetimes(datetime(2000, 1, 3), datetime(2026, 1, 30)),  # noqa: DTZ001 - the zone comes next
    st.integers(-14 * 60, 14 * 60),
)
def test_every_instant_comes_back_from_every_offset(moment: datetime, minutes: int) -> None:
    instant = moment.replace(tzinfo=UTC)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    local = (moment + timedelta(minutes=minutes)).isoformat(timespec="microseconds")
    assert taken(body(occurred_at=f"{local}{sign}{hours:02d}:{rest:02d}")).occurred_at == instant


def test_the_range_moves_with_the_enqueue_time() -> None:
    assert taken(body(occurred_at=(ENQUEUED + timedelta(days=1)).isoformat())).occurred_at > ENQUEUED
