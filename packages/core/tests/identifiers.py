"""Identifiers and times as real systems write them, drawn from a seeded generator."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_START: Final = datetime(2020, 1, 1, tzinfo=UTC)
_TEN_YEARS_US: Final = 315_532_800_000_000

Draw = Callable[[Random], str]


def _decimals(length: int) -> Draw:
    return lambda random: str(random.randrange(10 ** (length - 1), 10**length))


def _from(letters: str, length: int, prefix: str = "") -> Draw:
    return lambda random: prefix + "".join(random.choices(letters, k=length))


def _ulid(random: Random) -> str:
    bits = (1_577_836_800_000 + random.randrange(_TEN_YEARS_US // 1000)) << 80 | random.getrandbits(80)
    return "".join(_CROCKFORD[bits >> 5 * place & 31] for place in range(25, -1, -1))


def _snowflake(epoch_ms: int) -> Draw:
    """Milliseconds since the epoch of a system, 22 bits of a machine and a sequence; drawn from 2023 to 2026."""
    return lambda random: str(
        random.randrange(1_672_531_200_000 - epoch_ms, 1_798_761_600_000 - epoch_ms) << 22 | random.getrandbits(22)
    )


def _moment(random: Random) -> datetime:
    return _START + timedelta(microseconds=random.randrange(_TEN_YEARS_US))


def _epoch(digits: int) -> Draw:
    """Seconds with so many decimals since 1970."""
    return lambda random: str((1_577_836_800_000_000 + random.randrange(_TEN_YEARS_US)) * 1000 // 10 ** (9 - digits))


IDENTIFIERS: Final[dict[str, Draw]] = {
    "UUID": lambda random: str(UUID(int=random.getrandbits(128), version=4)),
    "ULID": _ulid,
    "32 hex digits": lambda random: f"{random.getrandbits(128):032x}",
    "16 hex digits": lambda random: f"txn_{random.getrandbits(64):016x}",
    "base 62": _from(_BASE62, 24, "ch_"),
    "base 62 without a prefix": _from(_BASE62, 22),
    "16 letters and digits": _from(_BASE62[:36], 16),
    "txn_ and 16 digits": _from("0123456789", 16, "txn_"),
    "PAY and 16 digits": _from("0123456789", 16, "PAY"),
    "Adyen pspReference": lambda random: f"8{random.choice('568')}{random.randrange(10**13, 10**14)}",
    "snowflake of X": _snowflake(1_288_834_974_657),
    "snowflake of Discord": _snowflake(1_420_070_400_000),
    "12 digits": _decimals(12),
    "23 digits": _decimals(23),
    "sequence": lambda random: str(1_000_000_000 + random.randrange(10**9)),
    "order, dash, line": lambda random: f"{random.randrange(10**8)}-{random.randrange(10**4)}",
    "Amazon order": lambda random: (
        f"{random.randrange(100, 1000)}-{random.randrange(10**7):07d}-{random.randrange(10**7):07d}"
    ),
}
TIMES: Final[dict[str, Draw]] = {
    "ISO 8601": lambda random: _moment(random).isoformat(),
    "ISO 8601, Z": lambda random: _moment(random).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    "ISO 8601, blank": lambda random: _moment(random).strftime("%Y-%m-%d %H:%M:%S"),
    "ISO 8601, basic": lambda random: _moment(random).strftime("%Y%m%dT%H%M%SZ"),
    "epoch, seconds": _epoch(0),
    "epoch, milliseconds": _epoch(3),
    "epoch, microseconds": _epoch(6),
    "epoch, nanoseconds": _epoch(9),
    "epoch, fraction": lambda random: f"{1_577_836_800 + random.random() * 315_532_800:.9f}",
    "compact, seconds": lambda random: _moment(random).strftime("%Y%m%d%H%M%S"),
    "compact, milliseconds": lambda random: _moment(random).strftime("%Y%m%d%H%M%S%f")[:17],
    "compact, 18 digits": lambda random: _moment(random).strftime("%Y%m%d%H%M%S%f")[:18],
    "date-time with dashes": lambda random: _moment(random).strftime("%Y-%m-%d-%H-%M-%S-%f"),
    "date and time with dots": lambda random: _moment(random).strftime("%d.%m.%Y %H.%M.%S"),
}
FLOATS: Final[dict[str, Draw]] = {
    "score": lambda random: repr(random.random()),
    "amount with float noise": lambda random: repr(random.randrange(10**6) / 100 * 1.1),
    "coordinate": lambda random: repr(random.uniform(-180, 180)),
}
# What a transaction id of digits alone looks like. Any Luhn check holds one in ten of them for card numbers.
BARE_DECIMALS: Final[dict[str, Draw]] = {f"{length} random digits": _decimals(length) for length in range(13, 20)}
