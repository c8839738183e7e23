"""Text from events on a person's terminal: nothing in it can move the cursor, hide, or pose as something else."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

_UNITS: Final = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))


def safe(text: str) -> str:
    """With every character that is not plainly visible (control, direction, lone surrogates) as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def age(since: datetime, now: datetime) -> str:
    """In the two largest units: `3d 4h`, `5m`, `12s`."""
    left = max(now - since, timedelta(0))
    parts: list[str] = []
    for name, unit in _UNITS:
        count, left = divmod(left, unit)
        if count or parts:
            parts.append(f"{count}{name}")
    return " ".join(parts[:2]) if parts else f"{left.seconds}s"


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def json_value(value: Any) -> Any:
    """For `json.dumps(default=...)`: times, and nothing else that it cannot write itself."""
    if isinstance(value, datetime):
        return time_text(value)
    raise TypeError(type(value).__name__)
