"""The card-data guard: masks card numbers, verification values, PINs and track data in bodies as they arrive.

The verdict on a body depends on that body alone, and what was masked once is not found again. `docs/card-data.md`
says what is found and what is not.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

# First digits, lengths. Sources in docs/card-data.md; schemes that share a range are named together.
_ISSUERS: Final[tuple[tuple[str, str, Sequence[int]], ...]] = (
    ("4", "4", (13, 16, 18, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),  # Mastercard
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", (14, 16, 19)),  # Diners Club
    ("3095", "3095", (14, 16, 19)),
    ("36", "36", (14, 16, 19)),
    ("38", "39", (14, 16, 19)),
    ("3528", "3589", range(16, 20)),  # JCB
    ("6011", "6011", range(16, 20)),  # Discover
    ("644", "649", range(16, 20)),
    ("65", "65", range(16, 20)),  # Discover, RuPay, Verve, Elo
    ("62", "62", range(14, 20)),  # UnionPay
    ("50", "50", range(12, 20)),  # Maestro, RuPay, Verve, Elo, Dankort, Meeza
    ("56", "58", range(12, 20)),  # Maestro
    ("6304", "6304", range(12, 20)),
    ("67", "67", range(12, 20)),
    ("60", "60", (16,)),  # RuPay, Hipercard
    ("636", "637", (16,)),  # Elo, Hiper, InterPayment
    ("81", "82", (16,)),  # RuPay
    ("2200", "2204", range(16, 20)),  # Mir
    ("8600", "8600", (16,)),  # Uzcard
    ("9704", "9704", (16, 19)),  # Napas
    ("9792", "9792", (16,)),  # Troy
    ("9860", "9860", (16,)),  # Humo
)


def _lengths_by_prefix() -> dict[str, frozenset[int]]:
    lengths: dict[str, frozenset[int]] = {}
    for low, high, allowed in _ISSUERS:
        for prefix in range(int(low.ljust(4, "0")), int(high.ljust(4, "9")) + 1):
            known = lengths.get(str(prefix), frozenset())
            lengths[str(prefix)] = known.union(length for length in allowed if length >= _SHORTEST)
    return lengths


_SHORTEST: Final = 13
_LONGEST: Final = 19
_LENGTHS: Final = _lengths_by_prefix()

# What may stand between two groups of one number. `_Text` has turned all other separators into spaces.
_SEP: Final = r"[-\s\x00./+_]"
_GROUP = re.compile(r"[0-9]+")
_RUN = re.compile(rf"(?<![0-9*])[0-9](?:{_SEP}{{0,3}}+[0-9]){{12,}}+")
_SOLID = re.compile(r"([0-9]{13,19})(?![0-9A-Za-z_*])")
_FOURS = re.compile(rf"([0-9]{{4}}(?:{_SEP}{{1,3}}[0-9]{{4}}){{2}}{_SEP}{{1,3}}[0-9]{{1,4}})(?![0-9A-Za-z_*])")
_FIVE_GROUPS = re.compile(rf"([0-9]{{4}}(?:{_SEP}{{1,3}}[0-9]{{4}}){{3}}{_SEP}{{1,3}}[0-9]{{1,3}})(?![0-9A-Za-z_*])")
_FOUR_SIX = re.compile(rf"([0-9]{{4}}{_SEP}{{1,3}}[0-9]{{6}}{_SEP}{{1,3}}[0-9]{{4,5}})(?![0-9A-Za-z_*])")
_SINGLES = re.compile(
    rf"(?<!\*{_SEP})(?<!(?<![0-9])[0-9]{_SEP})([0-9](?:{_SEP}[0-9]){{12,18}})"
    rf"(?![0-9A-Za-z_*])(?!{_SEP}(?:\*|[0-9](?![0-9])))"
)
_SHAPES: Final = (_SOLID, _FOURS, _FIVE_GROUPS, _FOUR_SIX, _SINGLES)
_GLUED = re.compile(r"[A-Za-z_]|[0-9]\.")
_SCIENTIFIC = re.compile(r"(?<![0-9A-Za-z_.*])([0-9])\.([0-9]{1,18})[eE]\+?(1[2-8])(?![0-9A-Za-z_.*])")

# Behind these words any issuer, any grouping and any neighbour will do ...
_NAMED = re.compile(
    rf"(?ai)(?:(?P<sure>pan|(?:card|(?<![a-z])cc|primary[ _-]?account)[ _-]?(?:number|num|no|nr))"
    # ... behind these any grouping and any neighbour.
    rf"|card|(?<![0-9a-z])cc|acct|account)(?:[ _-]?(?:number|num|no|nr))?"
    rf"[^0-9A-Za-z,;*]{{0,20}}+(?P<run>[0-9](?:{_SEP}{{0,3}}+[0-9]){{12,}}+)"
)

_VERIFICATION: Final = (
    r"(?:cvv2?|cvc2?|ccv2?|(?<![a-z])(?:cvn2?|cvd2?|cav2|csc)|card[ _-]?code|security[ _-]?(?:code|number|value)"
    r"|verification[ _-]?value|card[ _-]?(?:verification|validation)[ _-]?(?:code|number))"
    r"(?:[ _-]?(?:code|number|value|num|no))?"
)
_CVV = re.compile(
    rf"(?ai){_VERIFICATION}(?:\"\s*,\s*\"value\"|(?:[^0-9a-z,;{{}}*]|\bis\b|\bwas\b)){{0,40}}+"
    rf"([0-9]{{3,4}})(?:\.0+)?(?![0-9a-z_*])"
)
_SHORT_CVV = re.compile(rf"(?ai){_VERIFICATION}\"\s*:\s*([0-9]{{1,2}})(?=\s*[,}}\]])")
_PIN = re.compile(r'(?ai)"(?:card[ _-]?)?pin"\s*:\s*"?\s*([0-9]{4,12})\s*(?=["\],}])')
_SECRET = re.compile(
    r'(?ai)"(?:[a-z0-9]+[ _-])?(?:pin[ _-]?(?:block|data)|track[ _-]?(?:[123]|one|two|data)[a-z _-]*'
    r'|(?:mag[a-z]*[ _-]?(?:stripe|data)|swipe)[a-z0-9 _-]*)"\s*:\s*(?:"([^"]*[^"*][^"]*)"|([0-9]{8,}))'
)
_TRACK_1 = re.compile(r'%?[Bb][0-9 ]{12,23}\^[^^"]{2,26}\^[^?"\s]*\??')
_TRACK_2 = re.compile(r"(;)?(?<![0-9A-Za-z_*])([0-9]{13,19})[=Dd][0-9]{4,}[Ff]?\??")

# A number under such a key must differ from payment to payment; a card number would not.
_KEY = re.compile(r'"([^"]*)"\s*:\s*"?$')
_NO_LETTER = re.compile(r"[^a-z]")
_TRANSACTION_KEY = re.compile(
    r"(?:.*(?:transaction|txn|trx|payment|order|event|charge|refund|capture|authori[sz]ation|invoice|dispute|payout"
    r"|transfer|request|message|trace))?(?:id|reference|ref)"
    r"|(?:psp|original|merchant|retrieval|acquirer)reference(?:number|no)?"
    r"|(?:transaction|order|invoice|trace)(?:number|no)"
)
_NUMBER_END = re.compile(r"\s*(?:[,}\]]|$)")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")

_ESCAPE = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|(?:\\[^u])+")
_OPAQUE = re.compile(r"(?:\\u[0-9a-fA-F]{4}|\\[^u]|%20|%[23][A-Fa-f])+", re.DOTALL)
_ODD = re.compile(
    "(?![0-9])\\d|[\u00a0\u00ad\u1680\u2000-\u200d\u2010-\u2015\u202f\u205f\u2060\u2212\u3000\ufe58\ufe63\uff0d\ufeff]"
)
_VALUES: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_TWICE: Final = bytes.maketrans(bytes(range(10)), bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))


class _Find(NamedTuple):
    start: int
    end: int
    hidden: Sequence[int]


def redact(bodies: list[bytes]) -> tuple[list[bytes], dict[int, int]]:
    """The bodies with card data masked, and index -> how many finds were masked (only of bodies that had some)."""
    masked = list(bodies)
    counts: dict[int, int] = {}
    for index in _suspicious(bodies):
        body, count = _redact_one(bodies[index])
        if count:
            masked[index] = body
            counts[index] = count
    return masked, counts


# The screen: one regular expression that must match whatever `_redact_one` would mask, over a whole column.
_BETWEEN: Final = r"[-\x00-\x20./+_\x80-\xff]*"
_SCREEN: Final = "(?is)" + "|".join(
    (
        rf"(?:(?:^|[^0-9a-z_*]|\\[a-z]|\\u[0-9a-f]{{4}}|%20|%[23][a-f])[2-689]"
        rf"|(?:pan|card|cc|acct|account)[ _-]?(?:number|num|no|nr)?(?:[^0-9a-z,;*]|\\u[0-9a-f]{{4}}|\\[a-z])*[0-9])"
        rf"(?:{_BETWEEN}[0-9]){{12}}",
        # a separator that is escaped
        rf"[0-9]{_BETWEEN}(?:\\u[0-9a-f]{{4}}|\\[^u]|%20|%[23][a-f])(?:{_BETWEEN}(?:\\.|%20|%[23][a-f]))*{_BETWEEN}[0-9]",
        # escaped digits and letters, UTF-16
        r"\\u00(?:3[0-9]|[4-7])|\\u(?:06[6f]|07c|0[9a-d][6e]|0[ef][25d]|1[0-9a-c][0-9a-f]|a[689ab][0-9a-f]|ff1|d8)|\x00",
        # digits beyond ASCII
        r"\xd9[\xa0-\xa9]|\xdb[\xb0-\xb9]|\xdf[\x80-\x89]|\xe0(?:[\xa5\xa7\xa9\xab\xad\xaf\xb1\xb3\xb5\xb7][\xa6-\xaf]"
        r"|[\xb9\xbb][\x90-\x99]|\xbc[\xa0-\xa9])|\xe1[\x81\x82\x9f\xa0\xa5\xa7\xaa\xad\xae\xb1][\x80-\xb9]"
        r"|\xea[\x98\xa3\xa4\xa7\xa9\xaf][\x80-\xb9]|\xef\xbc[\x90-\x99]|\xf0(?:[\x90-\x9e]|\x9f\xaf)",
        r"(?:cv[vcnd]2?|ccv2?|cav2|csc|card.?code|security.?(?:code|number|value)|(?:verific|valid)ation.?(?:value|code|number))"
        r"(?:code|number|value|num|no|is|was|[^0-9a-z{};*]|\\u[0-9a-f]{4}|\\[a-z]|%20|%[23][a-f])*[0-9]",
        r"track|mag|swipe|pin.?(?:block|data)?\"|\^|[0-9][=d][0-9]{4}[0-9]*[^0-9a-z]|\.[0-9]+e\+?1[2-8]",
    )
)


def _suspicious(bodies: list[bytes]) -> Iterator[int]:
    flags = pc.match_substring_regex(pa.array(bodies, pa.binary()), _SCREEN)
    return iter(pc.indices_nonzero(flags).to_pylist())


def _redact_one(body: bytes) -> tuple[bytes, int]:
    encoding, errors = _encoding(body)
    whole = len(body) // 2 * 2 if encoding != "utf-8" else len(body)
    text = _ESCAPE.sub(_unescape, body[:whole].decode(encoding, errors))
    scan = _OPAQUE.sub(lambda match: " " * len(match[0]), text)
    if not scan.isascii():
        scan = _ODD.sub(lambda match: str(int(match[0])) if match[0].isdecimal() else " ", scan)
    finds = _finds(scan)
    if not finds:
        return body, 0
    return _mask(text, scan, finds).encode(encoding, errors) + body[whole:], _clusters(finds)


def _encoding(body: bytes) -> tuple[str, str]:
    """How to read a body without loss: every other byte of UTF-16 is mostly zero."""
    if body[1::2].count(0) * 4 > len(body):
        return "utf-16-le", "surrogatepass"
    if body[::2].count(0) * 4 > len(body):
        return "utf-16-be", "surrogatepass"
    return "utf-8", "surrogateescape"


def _unescape(match: re.Match[str]) -> str:
    high, low, single = match.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
    if single:
        character = chr(int(single, 16))
        if character >= " " and character not in '"\\' and not "\ud800" <= character <= "\udfff":
            return character
    return match[0]


def _finds(scan: str) -> list[_Find]:
    found = [*_secrets(scan), *_named_numbers(scan)]
    doubtful = []
    for find in _numbers(scan):
        (doubtful if _is_transaction_id(scan, find) else found).append(find)
    return sorted(found + doubtful) if found else []


def _secrets(scan: str) -> Iterator[_Find]:
    """What no digit may be kept of: verification values, PINs and tracks."""
    for pattern in (_CVV, _SHORT_CVV, _PIN):
        for match in pattern.finditer(scan):
            yield _Find(*match.span(1), range(*match.span(1)))
    for match in _SECRET.finditer(scan):
        group = 1 if match[1] else 2
        yield _Find(*match.span(group), range(*match.span(group)))
    for match in _TRACK_1.finditer(scan):
        yield _Find(*match.span(), range(*match.span()))
    for match in _TRACK_2.finditer(scan):
        if match[1] or (_luhn(match[2]) and _issued(match[2])):
            yield _Find(*match.span(), range(*match.span()))


def _named_numbers(scan: str) -> Iterator[_Find]:
    for match in _NAMED.finditer(scan):
        start, stop = match.span("run")
        digits = ""
        for group in _GROUP.finditer(scan, start, stop):
            digits += group[0]
            if len(digits) > _LONGEST:
                break
            if len(digits) >= _SHORTEST and _luhn(digits) and (match["sure"] or _issued(digits)):
                yield _card(scan, start, group.end())


def _numbers(scan: str) -> Iterator[_Find]:
    for run in _RUN.finditer(scan):
        for group in _GROUP.finditer(scan, *run.span()):
            start = group.start()
            if (start and _GLUED.match(scan, max(0, start - 1))) or _GLUED.fullmatch(scan[max(0, start - 2) : start]):
                continue
            for shape in _SHAPES:
                match = shape.match(scan, start)
                if match:
                    digits = "".join(_GROUP.findall(match[1]))
                    if _issued(digits) and _luhn(digits):
                        yield _card(scan, start, match.end(1))
    for match in _SCIENTIFIC.finditer(scan):
        digits = (match[1] + match[2]).ljust(int(match[3]) + 1, "0")
        if len(digits) == int(match[3]) + 1 and _issued(digits) and _luhn(digits):
            yield _Find(*match.span(), [i for i in range(*match.span(2)) if scan[i].isdigit()][5:])


def _card(scan: str, start: int, end: int) -> _Find:
    """The first six and the last four digits stay: the truncation that PCI DSS allows for every length."""
    digits = [place for place in range(start, end) if scan[place].isdigit()]
    return _Find(start, end, digits[6:-4])


def _issued(digits: str) -> bool:
    return len(digits) in _LENGTHS.get(digits[:4], ())


def _luhn(digits: str) -> bool:
    values = digits.encode().translate(_VALUES)
    return (sum(values[-1::-2]) + sum(values[-2::-2].translate(_TWICE))) % 10 == 0


def _is_transaction_id(scan: str, find: _Find) -> bool:
    """Whether a bare run of digits is all that stands under a key that names a transaction."""
    start, end = find.start, find.end
    if not scan[start:end].isdigit():
        return False
    in_text = scan[start - 1 : start] == '"'
    if not (scan[end : end + 1] == '"' if in_text else _NUMBER_END.match(scan, end)):
        return False
    key = _KEY.search(scan, max(0, start - 100), start)
    return key is not None and _TRANSACTION_KEY.fullmatch(_NO_LETTER.sub("", key[1].lower())) is not None


def _clusters(finds: list[_Find]) -> int:
    count, end = 0, -1
    for find in finds:
        if find.start >= end:
            count += 1
        end = max(end, find.end)
    return count


def _mask(text: str, scan: str, finds: list[_Find]) -> str:
    """A JSON number becomes a JSON string, for stars make no number."""
    characters = list(text)
    for find in finds:
        for place in find.hidden:
            characters[place] = "*"
    quotes = place = quoted = 0
    for find in finds:
        quotes += scan.count('"', place, find.start)
        place = find.start
        if quotes % 2 or find.start < quoted:
            continue
        start = find.start - (scan[find.start - 1 : find.start] == "-")
        number = _NUMBER.match(scan, start)
        if number and (start == 0 or scan[start - 1] in ":,[ \t\r\n") and _NUMBER_END.match(scan, number.end()):
            quoted = number.end()
            characters[start] = '"' + characters[start]
            characters[quoted - 1] += '"'
    return "".join(characters)
