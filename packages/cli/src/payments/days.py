"""A range of whole UTC days, as two options of a command say it."""

from datetime import UTC, date, datetime, timedelta

from payments.errors import Status, UserError

_DAY = timedelta(days=1)


def day_range(start: str | None, end: str | None) -> tuple[datetime, datetime] | None:
    """Half-open, in UTC; without `end` it is one day, without both None. Raises UserError."""
    if start is None:
        if end is not None:
            raise UserError("--to needs --from.", Status.WRONG_USAGE)
        return None
    first = _day(start)
    try:
        after = first + _DAY if end is None else _day(end)
    except OverflowError:
        raise UserError(f"{start} has no day after it.", Status.WRONG_USAGE) from None
    if after <= first:
        raise UserError(
            f"The range ends ({end}) before it begins ({start}): --to is the day after the last.", Status.WRONG_USAGE
        )
    return first, after


def _day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is not a UTC day such as 2026-11-01.", Status.WRONG_USAGE) from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
