"""A failed event's bytes for a person: JSON indented, with what may identify somebody masked; else a safe excerpt.

Masking goes by the name of the key, so free text stays visible; card data was masked long before (docs/card-data.md).
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from payments.failed.text import safe

# Words of a key, however it is spelled (billingAddress, billing_address, BILLING-ADDRESS).
_SENSITIVE: Final = re.compile(
    "customer(name)?|payer|payee|buyer|shopper|person|user(name)?|name|(first|last|full|sur)name|(card)?holder|"
    "e?mail(address)?|(tele)?phone(number)?|mobile|fax|msisdn|address|street|city|zip|postcode|postal|"
    "birth(day|date)?|dob|ssn|passport|iban|bic|account(number)?|routing|card(number)?|pan|cvv|cvc|expiry|"
    "token|secret|password|pin|signature|authorization|ip|device|fingerprint",
    re.IGNORECASE,
)
# Fields of the event contract: needed to find the event, and pseudonyms at most (docs/architecture.md).
_VISIBLE: Final = frozenset({"transaction_id", "event_id", "correlation_id", "merchant_id", "customer_id"})
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# A member of something that resembles JSON: the key in quotes, then a text that may lack its end, or a bare value.
_MEMBER: Final = re.compile(r'"([^"\\]{1,100})"(\s{0,20}:\s{0,20})("(?:[^"\\]|\\.)*"?|[^\s",\[\]{}]+)', re.DOTALL)
_MAX_LINES: Final = 400
_MAX_CHARACTERS: Final = 20_000
_EXCERPT_BYTES: Final = 1_000
_HEX_BYTES: Final = 64
_MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class _Number:
    """As it is written in the body: `1.50` and `1e2` stay what they are."""

    text: str


class _Members(list[tuple[str, Any]]):
    """An object with all its members, also those whose key is there twice."""


def show_payload(body: bytes) -> str:
    """Lines of printable characters. The exact bytes are another matter (`--payload-to`)."""
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_Members, parse_int=_Number, parse_float=_Number, parse_constant=_Number
        )
        lines: list[str] = []
        _write(lines, value)
    except (ValueError, RecursionError):
        return _excerpt(body)
    shown = "\n".join(lines)
    if len(lines) <= _MAX_LINES and len(shown) <= _MAX_CHARACTERS:
        return shown
    cut = "\n".join(lines[:_MAX_LINES])[:_MAX_CHARACTERS]
    return f"{cut}\n... cut here: --payload-to writes all of it to a file"


def is_sensitive(key: str) -> bool:
    return key not in _VISIBLE and any(_SENSITIVE.fullmatch(word) for word in _WORD.findall(key))


def _write(
    lines: list[str], value: Any, *, indent: str = "", head: str = "", tail: str = "", masked: bool = False
) -> None:
    """Adds the value with what stands before and after it. Of a huge one it adds little more than will be shown."""
    if len(lines) > _MAX_LINES:
        return
    if not (isinstance(value, list) and value):
        lines.append(f"{indent}{head}{_scalar(value, masked=masked)}{tail}")
        return
    opening, closing = "{}" if isinstance(value, _Members) else "[]"
    lines.append(f"{indent}{head}{opening}")
    for left, member in zip(range(len(value) - 1, -1, -1), value, strict=True):
        key, below = member if isinstance(value, _Members) else (None, member)
        _write(
            lines,
            below,
            indent=indent + "  ",
            head="" if key is None else f"{_quoted(key)}: ",
            tail="," if left else "",
            masked=masked or (key is not None and is_sensitive(key)),
        )
    lines.append(f"{indent}{closing}{tail}")


def _scalar(value: Any, *, masked: bool) -> str:
    if value is None or value == "":
        return json.dumps(value)  # that there is nothing is no secret, and often the fault
    if isinstance(value, list):
        return "{}" if isinstance(value, _Members) else "[]"
    if isinstance(value, str):
        return f'"{_MASK}" ({len(value)} characters)' if masked else _quoted(value)
    if masked:
        return _MASK
    return safe(value.text) if isinstance(value, _Number) else json.dumps(value)


def _quoted(text: str) -> str:
    return safe(json.dumps(text, ensure_ascii=False))


def _excerpt(body: bytes) -> str:
    """Of bytes that are no JSON: as text with escapes, masked as far as it resembles JSON, or as hexadecimal digits."""
    if not body:
        return "(empty)"
    if b"\0" in body:  # binary, or UTF-16, in which no key could be recognized
        shown, length = body[:_HEX_BYTES].hex(" "), _HEX_BYTES
    else:
        text = body[:_EXCERPT_BYTES].decode(errors="backslashreplace")
        shown, length = safe(_MEMBER.sub(_masked_member, text)), _EXCERPT_BYTES
    rest = len(body) - length
    return f"{shown}\n... {rest:,} more bytes: --payload-to writes all of them to a file" if rest > 0 else shown


def _masked_member(found: re.Match[str]) -> str:
    key, colon, value = found.groups()
    return f'"{key}"{colon}"{_MASK}"' if is_sensitive(key) and value not in {"null", '""'} else found[0]
