"""The card-data guard: masks card numbers, verification values, PINs and track data in bodies as they arrive.

The verdict on a body depends on that body alone, and what was masked once is not found again. `docs/card-data.md`
says what is found and what is not.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

import re2

# First and last prefix of a range, lengths of the numbers in it. Sources: docs/card-data.md.
_ISSUERS: Final[tuple[tuple[int, int, Sequence[int]], ...]] = (
    (2200, 2205, range(16, 20)),  # Mir, Borica
    (2221, 2720, (16,)),  # Mastercard
    (30, 30, (14, 16, 19)),  # Diners Club
    (31, 31, (19,)),  # China T-Union
    (34, 34, (15,)),  # American Express
    (3528, 3589, range(16, 20)),  # JCB, RuPay
    (36, 36, (14, 16, 19)),  # Diners Club
    (37, 37, (15,)),  # American Express
    (38, 39, (14, 16, 19)),  # Diners Club
    (4, 4, (13, 16, 18, 19)),  # Visa
    (50, 50, range(13, 20)),  # Maestro, Verve, RuPay, Elo, Dankort
    (51, 55, (16,)),  # Mastercard
    (56, 59, range(13, 20)),  # Maestro, AfriGo
    (60, 69, range(16, 20)),  # Discover, UnionPay, Maestro, RuPay, Elo, Hipercard, Verve and smaller ones
    (62, 62, range(14, 20)),  # UnionPay
    (63, 63, range(13, 20)),  # Maestro
    (67, 67, range(13, 20)),  # Maestro
    (81, 81, range(16, 20)),  # UnionPay, RuPay
    (82, 82, (16,)),  # RuPay
    (8600, 8600, (16,)),  # Uzcard
    (9704, 9704, (16, 19)),  # Napas
    (9792, 9792, (16,)),  # Troy
    (9860, 9860, (16,)),  # Humo
)


def _lengths_by_prefix() -> dict[bytes, set[int]]:
    """The first four digits of a card number -> the lengths it may have."""
    lengths: dict[bytes, set[int]] = {}
    for low, high, allowed in _ISSUERS:
        scale = 10 ** (4 - len(str(low)))
        for prefix in range(low * scale, (high + 1) * scale):
            lengths.setdefault(b"%d" % prefix, set()).update(allowed)
    return lengths


_LENGTHS: Final = _lengths_by_prefix()
_SHORTEST: Final = 13
_LONGEST: Final = 19

# The patterns below read a body as `_readable` spells it: ASCII in lower case, all odd separators turned into spaces.
_SEPARATORS: Final = b"- \t\n\r\v\f\x00./+_"
_SEP: Final = r"[- \t\n\r\v\f\x00./+_]"
_GAP: Final = _SEP + "{1,3}+"
_END: Final = "(?![0-9a-z_*])"
_NUMBER: Final = "(?:number|num|no|nr)"
_GROUP = re.compile(rb"[0-9]+")
_FOUR_GROUPS: Final = rf"([0-9]{{3}}(?:{_GAP}[0-9]{{4}}){{2}}{_GAP}[0-9]{{1,4}}){_END}"
_FIVE_GROUPS: Final = rf"([0-9]{{3}}(?:{_GAP}[0-9]{{4}}){{3}}{_GAP}[0-9]{{1,3}}){_END}"
_SHAPES = re.compile(
    # a digit where no digit, letter, underscore or star stands before it, and then ...
    r"[0-9](?<![0-9a-z_*][0-9])(?:"
    # ... all digits in one run, which is no decimal fraction;
    rf"(?<![0-9*]\.[0-9])(?=([0-9]{{12,18}}){_END})"
    # four, six and four or five;
    rf"|(?=([0-9]{{3}}{_GAP}[0-9]{{6}}{_GAP}[0-9]{{4,5}}){_END})"
    # single digits, and no more of them than a card number has;
    rf"|(?<!\*{_SEP}.)(?<!(?<![0-9])[0-9]{_SEP}.)(?=((?:{_SEP}[0-9]){{12,18}}){_END}(?!{_SEP}(?:\*|[0-9](?![0-9]))))"
    # or groups of four, the last one shorter or not: four groups, five, or both.
    rf"|(?={_FOUR_GROUPS})(?={_FIVE_GROUPS})?|(?={_FIVE_GROUPS})"
    r")".encode(),
    re.DOTALL,
)
# A large number as programs print it; with fewer digits it was rounded, and no card number is left.
_SCIENTIFIC = re.compile(rf"[0-9](?<![0-9a-z_.*][0-9])\.([0-9]{{9,18}})e\+?(1[2-8]){_END}".encode())
# Behind these words any grouping and any neighbour will do, and any issuer where the word says "card number".
_NAMED = re.compile(
    rf"(?:((?<![a-z])pan|card[ _-]?{_NUMBER}|(?<![a-z])cc[ _-]?{_NUMBER})"
    rf"|card|(?<![0-9a-z])cc|(?:acct|account)(?:[ _-]?{_NUMBER})?)"
    rf"[^0-9a-z,;*]{{0,20}}+([0-9](?:{_SEP}{{0,3}}+[0-9]){{12,}}+)".encode()
)
_NAMES: Final = (b"pan", b"card", b"cc", b"acct", b"account")
_VERIFICATION: Final = (
    r"(?:cvv2?|cvc2?|ccv2?|(?<![a-z])(?:cv2|cvn2?|cvd2?|cvp2|cav2|csc)|security[ _-]?(?:code|value)"
    r"|verification[ _-]?value|card[ _-]?(?:code|verification|validation))"
)
_CVV = re.compile(
    rf"{_VERIFICATION}(?:[ _-]?(?:code|value|{_NUMBER}))?(?:"
    rf'(?:"\s*,\s*"value|"\s*:\s*{{\s*"(?:value|code|{_NUMBER}))?(?:is|was|[^0-9a-z,;{{}}*]){{1,40}}+([0-9]{{3,4}})(?:\.0+)?{_END}'
    rf'|"\s*:\s*([0-9]{{1,2}})(?=\s*[,}}\]]))'.encode()  # a JSON number lost its leading zeros
)
_GLUED_CVV = re.compile(rf"(?<![0-9a-z_])(?:cvv2?|cvc2?)([0-9]{{3,4}}){_END}".encode())
_CVV_WORDS: Final = (
    *(b"cvv", b"cvc", b"ccv", b"cvn", b"cvd", b"cv2", b"cvp2", b"cav2", b"csc"),
    *(b"security", b"verification", b"card"),
)
_PIN = re.compile(rb'(?:(?<![a-z])|(?<=card))pin"\s*:\s*"?\s*([0-9]{4,12})\s*["\],}]')
_SECRET = re.compile(
    rb"(?:pin[ _-]?(?:block|data)"
    rb"|(?:track[ _-]?(?:[123]|one|two)|(?<![a-z])mag(?:netic)?[ _-]?stripe|swipe)(?:[ _-]?(?:equivalent[ _-]?)?data)?"
    rb'|track[ _-]?data)"\s*:\s*(?:"([^"]*)"|(-?[0-9][0-9.e+-]{7,}))'
)
_SECRETS: Final = (
    (_CVV_WORDS, _CVV),
    ((b"cvv", b"cvc"), _GLUED_CVV),
    ((b"pin",), _PIN),
    ((b"track", b"mag", b"swipe", b"pin"), _SECRET),
)
_TRACK_1 = re.compile(rb'%?b[0-9 ]{12,23}\^[^^"]{2,26}\^[^?"\s]*\??')
_TRACK_2 = re.compile(rb"[0-9](?<![0-9a-z_*][0-9])([0-9]{12,18})(?:=[0-9]{4,}|d[0-9]{4,}f?(?![0-9a-z]))\??")

# Number, month, year and verification value in a row, as such data is passed on.
_LISTED = re.compile(
    rf"[0-9](?<![0-9a-z_*][0-9])([0-9]{{12,18}})\|[0-9]{{1,2}}[|/](?:[0-9]{{2}}){{1,2}}\|([0-9]{{3,4}}){_END}".encode()
)

_KEY = re.compile(rb'"([^"]*)"\s*:\s*"?$')
_NO_LETTER = re.compile(rb"[^a-z]")
# A value under such a key differs from payment to payment; a card number would not.
_TRANSACTION_KEY = re.compile(
    rb"(?:.*(?:transaction|txn|trx|payment|order|event|charge|refund|capture|authori[sz]ation|invoice|dispute|payout"
    rb"|transfer|request|message|trace))?(?:id|reference|ref)"
    rb"|(?:psp|original|merchant|retrieval|acquirer)reference(?:number|no)?"
    rb"|(?:transaction|order|invoice|trace)(?:number|no)"
)
_JSON_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?(?=\s*(?:[,}\]]|$))")
_JSON_TOKENS = re.compile(rb'(?:[\s{}\[\]:,]++|"[^"]*"|-?[0-9][0-9.e+-]*|true|false|null|nan|-?infinity)*+')

_ESCAPES = re.compile(r"((?:\\u[0-9a-fA-F]{4})++)|(?:\\[^u])++", re.DOTALL)
_ESCAPE = re.compile(r"\\u(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[0-9a-fA-F]{4})")
_STAYS_ESCAPED = re.compile('[\x00-\x1f"\\\\\ud800-\udfff]')
_OPAQUE = re.compile(r"(?:\\u[0-9a-fA-F]{4}|\\[^u]|%20|%[23][A-Fa-f])++", re.DOTALL)
# Digits and separators beyond ASCII: blanks, dashes, dots and slashes, ends of lines, and what has no width.
_ODD = re.compile(
    "[^\x00-\x7f](?<=[\\d\u0085\u00a0\u00ad\u00b7\u034f\u061c\u115f\u1160\u1680\u180b-\u180f\u2000-\u2015\u2022\u2027-\u202f"
    "\u2043\u2044\u205f-\u206f\u2212\u2215\u2219\u22c5\u2800\u3000\u30fb\u3164\ufe00-\ufe0f\ufe58\ufe63\ufeff\uff0d-\uff0f\uff3f\uff65"
    "\uffa0])"
)
_decode_json = json.JSONDecoder().raw_decode
_VALUES: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_TWICE: Final = bytes.maketrans(bytes(range(10)), bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))

# The screen: one expression, in RE2's syntax and over raw bytes, that matches every body in which there may be a find.
# Its alternatives give up soon on ordinary digits: that keeps the automaton small.
_ESCAPED: Final = r"(?:\\u....|\\[^u]|%..)"
_ANY_SEP: Final = r"[-\x00-\x20./+_\x80-\xff]"
_WORD_GAP: Final = r"(?:[ _\x80-\xff-]|\\u....)*"
_SCREEN_PATTERN: Final = (
    # the shapes of a number whose first digit may be a card's, and tracks of any number;
    rf"(?s)(?:^|[^0-9A-Za-z_*]|{_ESCAPED})[2-689](?:[0-9]{{12}}|(?:{_ANY_SEP}+[0-9]){{12}}"
    rf"|[0-9]{{3}}{_ANY_SEP}+(?:[0-9]{{6}}{_ANY_SEP}+[0-9]{{4}}|[0-9]{{4}}{_ANY_SEP}+[0-9]{{4}}{_ANY_SEP}+[0-9]))|;[0-9]{{13}}"
    # digits behind a card word;
    rf"|(?i:pan|card|cc|acct|account)(?:{_WORD_GAP}(?i:{_NUMBER}))?(?:[^0-9A-Za-z,;*]|{_ESCAPED})*"
    rf"[0-9](?:{_ANY_SEP}*[0-9]){{12}}"
    # an escaped separator between digits;
    rf"|[0-9]{_ANY_SEP}*(?:{_ESCAPED}{_ANY_SEP}*)+[0-9]"
    # letters and digits that are escaped, digits beyond ASCII, UTF-16;
    r"|\\u(?:00(?:3[0-9]|[4-7])|06[6fF]|07[cC]|0[9a-dA-D][6eE]|0[efEF][25dD]|1[0-9a-cA-C]|[aA][689abAB]|[fF][fF]1|[dD]8)"
    r"|\xd9[\xa0-\xa9]|\xdb[\xb0-\xb9]|\xdf[\x80-\x89]|\xe0[\xa5-\xbc][\x90-\xbf]|\xe1[\x81-\xb1][\x80-\xb9]"
    r"|\xea[\x98-\xaf][\x80-\xb9]|\xef\xbc[\x90-\x99]|\xf0[\x90-\x9e]|\xf0\x9f\xaf|\x00"
    # the words of verification values with digits behind them;
    rf"|(?i:cv[vcndp2]|ccv|cav2|csc|card{_WORD_GAP}(?:code|verification|validation)|security{_WORD_GAP}(?:code|value)"
    rf"|verification{_WORD_GAP}value)"
    rf"(?i:2|code|value|{_NUMBER}|is|was|[^0-9a-z;}}*]|{_ESCAPED})*[0-9]"
    # the keys of tracks and PINs, tracks, large floats.
    rf"|(?i:track{_WORD_GAP}(?:[123]|one|two|data)|mag(?:netic)?{_WORD_GAP}stripe|swipe"
    rf"|pin{_WORD_GAP}(?:block|data)|pin\")|\^|\.[0-9]+[eE]\+?1[2-8]"
)


def _screen() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, whatever they stand for
    options.log_errors = False
    return re2.compile(_SCREEN_PATTERN.encode(), options)


_SCREEN: Final = _screen()
# Between two bodies: no alternative goes on past so many letters, none ends in them, and a number may begin behind it.
_BOUNDARY: Final = b"\nxxxxxxxx\n"


class _Find(NamedTuple):
    """A stretch of a body that is card data, and the places in it that must not be shown."""

    start: int
    end: int
    hidden: Sequence[int]


def redact(bodies: list[bytes]) -> tuple[list[bytes], dict[int, int]]:
    """The bodies with card data masked, and index -> how many finds were masked (only of bodies that had some)."""
    redacted = list(bodies)
    counts: dict[int, int] = {}
    for index in _suspicious(bodies):
        body, count = _redact_one(bodies[index])
        if count:
            redacted[index] = body
            counts[index] = count
    return redacted, counts


def _suspicious(bodies: list[bytes]) -> Iterator[int]:
    """Places of the bodies in which there may be a find. Read in one go: a call for each would cost twice as much."""
    text = _BOUNDARY.join(bodies)
    starts = list(accumulate((len(body) + len(_BOUNDARY) for body in bodies), initial=0))
    place = 0
    while (match := _SCREEN.search(text, place)) is not None:
        index = bisect_right(starts, match.end() - 1) - 1
        yield index
        place = starts[index + 1] - 1  # on with the next body, and the sign before it


def _redact_one(body: bytes) -> tuple[bytes, int]:
    # NULs speak of UTF-16, of UTF-16 at an odd place, or of bytes that only pad: each way of reading has its turn.
    count = 0
    for encoding in ("utf-16-le", "utf-16-be") if b"\0" in body else ():
        body, found = _redact_as(body, encoding, "surrogatepass")
        count += found
    body, found = _redact_as(body, "utf-8", "surrogateescape")
    return body, count + found


def _redact_as(body: bytes, encoding: str, errors: str) -> tuple[bytes, int]:
    """Each encoding with errors that lose no byte."""
    length = len(body) if encoding == "utf-8" else len(body) // 2 * 2
    text = body[:length].decode(encoding, errors)
    if "\\" in text:
        text = _ESCAPES.sub(_unescape, text)
        # Whatever is escaped raises suspicion; what it stands for mostly does not.
        if encoding == "utf-8" and _SCREEN.search(text.encode(encoding, errors)) is None:
            return body, 0
    scan = _readable(text)
    finds = _finds(scan)
    if not finds:
        return body, 0
    return _mask(text, scan, finds).encode(encoding, errors) + body[length:], _count(finds)


def _unescape(escapes: re.Match[str]) -> str:
    """The characters themselves, where JSON lets them stand unescaped; a whole run of them at once."""
    run = escapes[1]
    if run is None:
        return escapes[0]
    text: str = _decode_json(f'"{run}"')[0]
    return _ESCAPE.sub(_unescape_one, run) if _STAYS_ESCAPED.search(text) else text


def _unescape_one(escape: re.Match[str]) -> str:
    text: str = _decode_json(f'"{escape[0]}"')[0]
    return escape[0] if _STAYS_ESCAPED.search(text) else text


def _readable(text: str) -> bytes:
    """The text as the patterns read it, one byte for each character."""
    if "\\" in text or "%" in text:
        text = _OPAQUE.sub(lambda match: " " * len(match[0]), text)
    if not text.isascii():
        text = _ODD.sub(lambda match: str(int(match[0])) if match[0].isdecimal() else " ", text)
    return text.encode("ascii", "replace").lower()


def _finds(scan: bytes) -> list[_Find]:
    found = [*_secrets(scan), *_tracks(scan), *_named_numbers(scan)]
    doubtful: list[_Find] = []
    for find in _numbers(scan):
        (doubtful if _is_transaction_id(scan, find) else found).append(find)
    # Where a body carries other card data, a number in an id's place is no chance.
    return sorted(found + doubtful, key=lambda find: find[:2]) if found else []


def _at_words(scan: bytes, words: tuple[bytes, ...], pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """The pattern's matches, each of which begins with a word: to find the words first is ten times faster."""
    for word in words:
        place = scan.find(word)
        while place >= 0:
            match = pattern.match(scan, place)
            if match is not None:
                yield match
            place = scan.find(word, place + len(word))


def _secrets(scan: bytes) -> Iterator[_Find]:
    """Values of which nothing may be shown."""
    for words, pattern in _SECRETS:
        for match in _at_words(scan, words, pattern):
            start, end = match.span(match.lastindex or 0)
            if scan[start:end].strip(b"*"):
                yield _Find(start, end, range(start, end))
    if b"|" in scan:
        for match in _LISTED.finditer(scan):
            if _is_card_number(scan[match.start() : match.end(1)]):
                yield _Find(*match.span(2), range(*match.span(2)))


def _tracks(scan: bytes) -> Iterator[_Find]:
    if b"^" in scan:
        for match in _TRACK_1.finditer(scan):
            yield _Find(*match.span(), range(*match.span()))
    for match in _TRACK_2.finditer(scan):
        start, end = match.span()
        sentinel = scan[start - 1 : start] == b";"
        if sentinel or _is_card_number(scan[start : match.end(1)]):
            yield _Find(start - sentinel, end, range(start - sentinel, end))


def _named_numbers(scan: bytes) -> Iterator[_Find]:
    for match in _at_words(scan, _NAMES, _NAMED):
        start, stop = match.span(2)
        digits = b""
        for group in _GROUP.finditer(scan, start, stop):
            digits += group[0]
            if len(digits) > _LONGEST:
                break
            if scan[group.end() : group.end() + 1] == b"*":
                break
            if _is_card_number(digits) or (match[1] and len(digits) >= _SHORTEST and _luhn(digits)):
                yield _card(scan, start, group.end())


def _numbers(scan: bytes) -> Iterator[_Find]:
    for match in _SHAPES.finditer(scan):
        start = match.start()
        for _, end in match.regs[1:]:
            if end > 0 and _is_card_number(scan[start:end].translate(None, _SEPARATORS)):
                yield _card(scan, start, end)
    if b"e1" in scan or b"e+1" in scan:
        for match in _SCIENTIFIC.finditer(scan):
            start, end = match.span(1)
            digits = scan[start - 2 : start - 1] + match[1].ljust(int(match[2]), b"0")
            if _is_card_number(digits):
                yield _Find(*match.span(), range(start + 5, end))


def _card(scan: bytes, start: int, end: int) -> _Find:
    """The first six and the last four digits may be shown (PCI DSS)."""
    if scan[start:end].isdigit():
        return _Find(start, end, range(start + 6, end - 4))
    places = [place for place, byte in enumerate(scan[start:end], start) if byte in b"0123456789"]
    return _Find(start, end, places[6:-4])


def _is_card_number(digits: bytes) -> bool:
    return len(digits) in _LENGTHS.get(digits[:4], ()) and _luhn(digits)


def _luhn(digits: bytes) -> bool:
    values = digits.translate(_VALUES)
    return (sum(values[-1::-2]) + sum(values[-2::-2].translate(_TWICE))) % 10 == 0


def _is_transaction_id(scan: bytes, find: _Find) -> bool:
    """Whether a bare run of digits is the whole value under a key that names a transaction."""
    start, end = find.start, find.end
    if not scan[start:end].isdigit():
        return False
    in_text = scan[start - 1 : start] == b'"'
    if not (scan[end : end + 1] == b'"' if in_text else _JSON_NUMBER.match(scan, start)):
        return False
    key = _KEY.search(scan, max(0, start - 100), start)
    return key is not None and _TRANSACTION_KEY.fullmatch(_NO_LETTER.sub(b"", key[1])) is not None


def _count(finds: list[_Find]) -> int:
    """Finds that overlap are one."""
    count = end = 0
    for find in finds:
        count += find.start >= end
        end = max(end, find.end)
    return count


def _mask(text: str, scan: bytes, finds: list[_Find]) -> str:
    characters = list(text)
    for find in finds:
        for place in find.hidden:
            characters[place] = "*"
    # Stars make no JSON number: outside the quotes of a JSON text, the number becomes a text.
    quotes = place = quoted = 0
    for find in finds if _JSON_TOKENS.fullmatch(scan) else ():
        quotes += scan.count(b'"', place, find.start)
        place = find.start
        if quotes % 2 == 0 and place >= quoted:
            start = place - (scan[place - 1 : place] == b"-")
            number = _JSON_NUMBER.match(scan, start)
            if number is not None:
                quoted = number.end()
                characters[start] = '"' + characters[start]
                characters[quoted - 1] += '"'
    return "".join(characters)
