"""The invented world that events come from: currencies, merchants, payment methods, life cycles.

Every table is a constant or drawn from the given generator, so that a seed always builds the same world.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

import msgspec


@dataclass(frozen=True, slots=True)
class Currency:
    """`typical` is the median amount, in minor units; `weight` is the share of transactions."""

    code: str
    decimals: int
    typical: int
    weight: int


@dataclass(frozen=True, slots=True)
class Merchant:
    """`offset` is how its clock stands to UTC, in minutes; None writes times as `Z`."""

    merchant_id: str
    offset: int | None


CURRENCIES: Final = (
    Currency("EUR", 2, 3_450, 34),
    Currency("USD", 2, 4_100, 30),
    Currency("GBP", 2, 2_900, 12),
    Currency("JPY", 0, 4_800, 8),
    Currency("CHF", 2, 5_200, 4),
    Currency("SEK", 2, 38_000, 4),
    Currency("INR", 2, 145_000, 3),
    Currency("BRL", 2, 16_500, 2),
    Currency("KWD", 3, 11_250, 2),
    Currency("BHD", 3, 12_900, 1),
)

PAYMENT_METHODS: Final = (
    ("card", 58),
    ("wallet", 18),
    ("bank_transfer", 10),
    ("direct_debit", 7),
    ("buy_now_pay_later", 5),
    ("voucher", 2),
)

# Event type, payment status, and the share of the transaction's amount in hundredths (negative: money goes back).
Step = tuple[str, str, int]
_AUTHORIZED: Final[Step] = ("payment.authorized", "authorized", 100)
_CAPTURED: Final[Step] = ("payment.captured", "captured", 100)
_SETTLED: Final[Step] = ("payment.settled", "settled", 100)

LIFE_CYCLES: Final[tuple[tuple[tuple[Step, ...], int], ...]] = (
    ((_AUTHORIZED, _CAPTURED, _SETTLED), 46),
    ((_AUTHORIZED, _CAPTURED), 22),
    ((("payment.failed", "failed", 100),), 9),
    ((_AUTHORIZED, _CAPTURED, _SETTLED, ("payment.refunded", "refunded", 100)), 8),
    ((_AUTHORIZED, ("payment.voided", "voided", 100)), 5),
    ((_AUTHORIZED, ("payment.capture_failed", "failed", 100)), 3),
    ((("payment.verified", "verified", 0),), 3),
    (
        (
            _AUTHORIZED,
            _CAPTURED,
            ("payment.refunded", "partially_refunded", 40),
            ("payment.refunded", "refunded", 60),
        ),
        3,
    ),
    ((_AUTHORIZED, _CAPTURED, _SETTLED, ("payment.charged_back", "charged_back", -100)), 1),
)

_OFFSETS: Final = (None, None, None, None, None, None, 0, 60, 120, -300, -480, 330, 540, -210)
_CHANNELS: Final = ("web", "app", "pos", "subscription", "phone", "marketplace")
_PLACES: Final = ("DE-BE", "GB-LND", "US-CA", "JP-13", "SE-AB", "IN-MH", "BR-SP", "KW-KU", "BH-13", "CH-ZH", None)
_SHOPS: Final = (
    "Bäckerei Morgenrot, Filiale 12",
    "寿司 さくら屋 二号店",
    "Кофейня «Север»",
    "متجر الواحة",
    "Corner Shop 🛍️ late hours",
    "Señor Tortilla, día a día",
    "Łódź \u201eKsięgarnia\u201c \\ antykwariat",
    'The "Quiet" Bookshop, 2nd floor',
    "Monthly plan, renewal",
    "Gift basket with a ribbon and a printed card",
)


def merchants(random: Random, count: int) -> list[Merchant]:
    return [Merchant(f"mrc_{random.getrandbits(32):08x}", random.choice(_OFFSETS)) for _ in range(count)]


def metadata(random: Random, count: int) -> list[msgspec.Raw]:
    """What else a provider sends along: nested, of several shapes and sizes, encoded once."""
    return [msgspec.Raw(msgspec.json.encode(_metadata(random))) for _ in range(count)]


def _metadata(random: Random) -> dict[str, object]:
    order: dict[str, object] = {
        "id": f"ord_{random.getrandbits(40):010x}",
        "items": random.randint(1, 9),
    }
    if _chance(random, 0.4):
        order["description"] = random.choice(_SHOPS)
    extra: dict[str, object] = {"channel": random.choice(_CHANNELS), "order": order}
    if _chance(random, 0.25):
        extra["device"] = {"os": random.choice(("ios", "android", "other")), "trusted": _chance(random, 0.8)}
    if _chance(random, 0.2):
        extra["tags"] = random.sample(("vip", "b2b", "gift", "retry"), random.randint(0, 3))
    if _chance(random, 0.2):
        extra["location"] = {"region": random.choice(_PLACES), "store": random.randint(1, 400)}
    return extra


def _chance(random: Random, share: float) -> bool:
    return random.random() < share
