"""Test numbers of the card schemes, the ways in which people and programs write them, and a second Luhn."""

from collections.abc import Callable
from typing import Final

# As payment providers publish them for tests; the last five are made.
NUMBERS: Final = {
    "Visa": "4111111111111111",
    "Visa of 13 digits": "4222222222222",
    "Visa of 19 digits": "4000000000000000006",
    "Mastercard": "5555555555554444",
    "Mastercard 2-series": "2223003122003222",
    "American Express": "378282246310005",
    "Discover": "6011000990139424",
    "Diners Club": "30569309025904",
    "Diners Club 36": "36227206271667",
    "Diners Club of 16 digits": "3056930009020004",
    "JCB": "3566002020360505",
    "UnionPay": "6221261111117766",
    "UnionPay of 19 digits": "6205500000000000004",
    "Maestro": "6304000000000000",
    "Maestro 67": "6759649826438453",
    "Dankort": "5019717010103742",
    "Mir": "2200770239097761",
    "Verve of 19 digits": "5061460410120223210",
    "Elo": "5066991111111118",
    "Hipercard": "6062826786276634",
    "UnionPay 81": "8171999927660000",
    "Troy": "9792000000000003",
    "Maestro of 13 digits": "5000000000005",
    "Uzcard": "8600000000000007",
    "Humo": "9860000000000000",
    "Napas": "9704000000000018",
}


def is_luhn(digits: str) -> bool:
    """The checksum as a clerk does it, from the right."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def with_check_digit(digits: str) -> str:
    return next(digits + last for last in "0123456789" if is_luhn(digits + last))


def masked(written: str) -> str:
    """The first six and the last four digits stay."""
    places = [place for place, character in enumerate(written) if character.isdecimal()]
    return "".join("*" if place in places[6:-4] else character for place, character in enumerate(written))


def grouped(separator: str) -> Callable[[str], str]:
    def write(number: str) -> str:
        cuts = (4, 10) if len(number) in (14, 15) else (4, 8, 12, 16)
        starts = (0, *cuts)
        groups = [number[start:end] for start, end in zip(starts, (*cuts, None), strict=True)]
        return separator.join(filter(None, groups))

    return write


WRITINGS: Final[dict[str, Callable[[str], str]]] = {
    "plain": str,
    **{f"groups by {separator!a}": grouped(separator) for separator in (*" -./_+", "\u00a0", "\u2009", "\u2013")},
    "groups by a dash with blanks": grouped(" - "),
    "groups of four": lambda number: " ".join(number[start : start + 4] for start in range(0, len(number), 4)),
    "single digits": " ".join,
    "single digits with dashes": "-".join,
    "soft hyphens": grouped("\u00ad"),
    "middle dots": grouped("\u00b7"),
    "bullets with blanks": grouped(" \u2022 "),
    "direction marks": grouped("\u200e"),
    "a joiner behind each digit": "\u2060".join,
    "line separators": grouped("\u2028"),
    "fraction slashes": grouped("\u2044"),
    "a line end between": grouped("\n"),
    "full-width digits": lambda number: number.translate({48 + digit: 0xFF10 + digit for digit in range(10)}),
    "Arabic digits": lambda number: number.translate({48 + digit: 0x660 + digit for digit in range(10)}),
    "mathematical digits": lambda number: number.translate({48 + digit: 0x1D7CE + digit for digit in range(10)}),
}
