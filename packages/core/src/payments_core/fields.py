"""One field at a time: from a JSON value to a typed one, or `Invalid` with the code and the reason.

Numbers arrive as the exact characters of the JSON text (`IntegerText`, `FractionText`), so that no
amount ever passes through a binary float.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from payments_core.currency import FINEST, MINOR_UNITS
from payments_core.errors import ErrorCode

MAX_TEXT: Final = 255
MAX_NAME: Final = 100
INTEGER_DIGITS: Final = 18
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD: Final = timedelta(days=1)

# Never change it: ids derived yesterday must be derived again tomorrow.
NAMESPACE: Final = UUID("5b8c5d8e-6a5a-5f0a-9f3c-0f6a5f2b7d11")

_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,9})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}")
_DATE_TIME = re.compile(
    r"(?P<minute>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:)(?P<second>[0-9]{2})"
    r"(?P<rest>(\.[0-9]+)?(?P<offset>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)"
)
_UNPAIRED = re.compile("[\ud800-\udfff]")
_EXACT = Context(prec=80)
_UNIT = Decimal(1).scaleb(-FINEST)


class IntegerText(str):
    """The characters of a JSON number without fraction or exponent."""

    __slots__ = ()


class FractionText(str):
    """The characters of any other JSON number."""

    __slots__ = ()


class Invalid(Exception):  # noqa: N818 - it names a state of the data, never of the program
    """A field that cannot be taken; the core turns it into a `Rejection` and lets it go no further."""

    def __init__(self, code: ErrorCode, field: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.message = message


def json_type(value: object) -> str:
    """The type of a value in JSON's words, for messages; never the value itself, which may be sensitive."""
    if isinstance(value, IntegerText | FractionText):
        return "a number"
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
    return names[type(value)]


def text(event: Mapping[str, Any], field: str, limit: int) -> str | None:
    """A text, or a whole number as its digits; None when absent, null or blank."""
    value = event.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or isinstance(value, FractionText):
        raise Invalid(ErrorCode.FIELD_WRONG_TYPE, field, f"{field} must be a text, not {json_type(value)}")
    value = str(value)
    if not value or value.isspace():
        return None
    if len(value) > limit:
        raise Invalid(ErrorCode.TEXT_TOO_LONG, field, f"{field} has {len(value)} characters; {limit} are allowed")
    if "\0" in value or not (value.isascii() or _UNPAIRED.search(value) is None):
        raise Invalid(ErrorCode.TEXT_NOT_STORABLE, field, f"{field} holds a NUL or an unpaired surrogate")
    return value


def required_text(event: Mapping[str, Any], field: str, limit: int) -> str:
    value = text(event, field, limit)
    if value is None:
        if isinstance(event.get(field), str):
            raise Invalid(ErrorCode.TEXT_EMPTY, field, f"{field} is empty or blank")
        raise Invalid(ErrorCode.FIELD_MISSING, field, f"{field} is missing")
    return value


def timestamp(value: object, field: str, enqueued_at: datetime) -> datetime:
    """An RFC 3339 date-time as UTC, rounded to the microsecond.

    A leap second is the same instant as the second after it, as in PostgreSQL.
    """
    if value is None:
        raise Invalid(ErrorCode.FIELD_MISSING, field, f"{field} is missing")
    if not isinstance(value, str) or isinstance(value, IntegerText | FractionText):
        raise Invalid(ErrorCode.FIELD_WRONG_TYPE, field, f"{field} must be an RFC 3339 text, not {json_type(value)}")
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        raise Invalid(ErrorCode.TIMESTAMP_INVALID, field, f"{field} is not like 2026-01-31T12:00:00.000Z (RFC 3339)")
    if match["offset"] is None:
        raise Invalid(ErrorCode.TIMESTAMP_WITHOUT_OFFSET, field, f"{field} has no offset such as Z or +02:00")
    leap = match["second"] == "60"
    countable = f"{match['minute']}59{match['rest']}" if leap else value
    try:
        instant = msgspec.convert(countable, datetime).astimezone(UTC)
        if leap:
            instant += timedelta(seconds=1)
    except (msgspec.ValidationError, OverflowError):
        raise Invalid(ErrorCode.TIMESTAMP_INVALID, field, f"{field} names no moment that exists") from None
    # The very end of the leap second rounds to the end of the second after it.
    if leap and instant - instant.replace(day=1, hour=0, minute=0, second=0, microsecond=0) > timedelta(seconds=1):
        raise Invalid(ErrorCode.TIMESTAMP_INVALID, field, f"{field} has second 60 where no leap second can be")
    if instant < EARLIEST or instant - enqueued_at > FURTHEST_AHEAD:
        raise Invalid(
            ErrorCode.TIMESTAMP_OUT_OF_RANGE,
            field,
            f"{field} is before {EARLIEST.year} or over a day after its arrival",
        )
    return instant


def currency(event: Mapping[str, Any]) -> str:
    code = required_text(event, "currency", MAX_NAME).strip()
    code = code.upper() if code.isascii() else code  # beyond ASCII, upper() makes a USD of other letters
    if code not in MINOR_UNITS:
        raise Invalid(ErrorCode.CURRENCY_UNKNOWN, "currency", "currency is not an ISO 4217 code such as EUR")
    return code


def decimal(value: object) -> Decimal | None:
    """A JSON number, or a text that reads as one, exactly; None when it is neither."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def decimals(number: Decimal) -> int:
    """How many decimals a number needs: 2 for 1.25, 0 for 1.00 and 1E+2."""
    _, digits, exponent = number.as_tuple()
    if not any(digits) or not isinstance(exponent, int):
        return 0
    zeros = next(count for count, digit in enumerate(reversed(digits)) if digit)
    return max(0, -(exponent + zeros))


def amount(event: Mapping[str, Any], code: str) -> Decimal:
    value = event.get("amount")
    if value is None:
        raise Invalid(ErrorCode.FIELD_MISSING, "amount", "amount is missing")
    if not isinstance(value, str):
        raise Invalid(ErrorCode.FIELD_WRONG_TYPE, "amount", f"amount must be a decimal, not {json_type(value)}")
    number = decimal(value)
    if number is None:
        raise Invalid(ErrorCode.AMOUNT_INVALID, "amount", "amount is not a decimal number such as 12.50")
    if number and number.adjusted() >= INTEGER_DIGITS:
        raise Invalid(ErrorCode.AMOUNT_OUT_OF_RANGE, "amount", f"amount is 10^{INTEGER_DIGITS} or more")
    if decimals(number) > MINOR_UNITS[code]:
        raise Invalid(
            ErrorCode.AMOUNT_TOO_FINE, "amount", f"amount is finer than the {MINOR_UNITS[code]} decimals of {code}"
        )
    return number.quantize(_UNIT, context=_EXACT) if number else Decimal(0)


def metric(value: object) -> Decimal | None:
    """A metric's value rounded to nine decimals, half to even; None when it is no number below 10^18."""
    number = decimal(value)
    if number is None or (number and number.adjusted() >= INTEGER_DIGITS):
        return None
    return number.quantize(_UNIT, context=_EXACT)


def as_uuid(value: str) -> str | None:
    """Canonical lower-case text of a UUID, or None."""
    return str(UUID(value)) if _UUID.fullmatch(value) else None


def optional_uuid(event: Mapping[str, Any], field: str) -> str | None:
    value = text(event, field, MAX_TEXT)
    if value is None:
        return None
    canonical = as_uuid(value)
    if canonical is None:
        raise Invalid(ErrorCode.UUID_INVALID, field, f"{field} is not a UUID")
    return canonical


def id_in_source(source: str, name: str) -> str:
    """The event id of a name that is unique within its CloudEvents source."""
    return as_uuid(name) or str(uuid5(NAMESPACE, f"{source}\0{name}"))


def derived_id(transaction_id: str, event_type: str, occurred_at_us: int) -> str:
    """The event id of an event that brings none: the same transaction, type and microsecond are the same event."""
    return str(uuid5(NAMESPACE, f"{transaction_id}\0{event_type}\0{occurred_at_us}"))
