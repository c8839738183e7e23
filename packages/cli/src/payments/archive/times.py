"""Times as people type them."""

from datetime import UTC, date, datetime

from payments.errors import Status, UserError


def moment(option: str, text: str) -> datetime:
    """A UTC day is its first moment; else RFC 3339, with any offset."""
    try:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        message = (
            f"{option} {text!r} is neither a UTC day such as 2026-11-01 nor a time such as 2026-11-01T14:00:00+02:00."
        )
        raise UserError(message, Status.WRONG_USAGE)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise UserError(f"{option} {text!r} is no time in UTC: too early or too late.", Status.WRONG_USAGE) from None
