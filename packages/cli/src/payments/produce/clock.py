"""Times as text, quickly: RFC 3339 with milliseconds, in the offset of whoever wrote them."""

from datetime import date
from functools import cache, lru_cache
from typing import Final

_MS_A_DAY: Final = 86_400_000
_EPOCH_ORDINAL: Final = 719_163  # of 1970-01-01, as datetime.date counts


def rfc3339(epoch_ms: int, offset: int | None) -> str:
    """`offset` in minutes; None writes `Z`."""
    day, rest = divmod(epoch_ms + (offset or 0) * 60_000, _MS_A_DAY)
    minute, ms = divmod(rest, 60_000)
    second, ms = divmod(ms, 1_000)
    return f"{_date(day)}{_MINUTES[minute]}{second:02d}.{ms:03d}{_suffix(offset)}"


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    return date.fromordinal(_EPOCH_ORDINAL + day).isoformat()


@cache
def _suffix(offset: int | None) -> str:
    if offset is None:
        return "Z"
    return f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"


_MINUTES: Final = tuple(f"T{hour:02d}:{minute:02d}:" for hour in range(24) for minute in range(60))
