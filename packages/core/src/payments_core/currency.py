"""ISO 4217: which currency codes exist, and how many decimals each one's minor unit has."""

from typing import Final

from iso4217 import raw_table

# The archive's decimal128(38, 9) ends at nine decimals; codes without a minor unit (gold, SDR) may use them all.
FINEST: Final = 9


def _minor_units() -> dict[str, int]:
    units = {}
    for code, row in raw_table.items():
        if code is not None:  # territories without a currency
            places = str(row["CcyMnrUnts"])
            units[code] = int(places) if places.isdigit() else FINEST
    return dict(sorted(units.items()))


MINOR_UNITS: Final = _minor_units()
"""Currency code -> decimals of its minor unit (2 for EUR, 0 for JPY, 3 for KWD). Source: SIX, ISO 4217 list one."""
