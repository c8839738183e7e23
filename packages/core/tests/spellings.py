"""Hypothesis strategies for one JSON value: right, slightly wrong, and right but oddly spelled.

Everything is drawn as JSON text, because most of what can go wrong is in the spelling.
"""

import json
from datetime import datetime, timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from payments_core.currency import MINOR_UNITS
from payments_core.normalize import MAX_DEPTH

from .examples import ENQUEUED

BLANKS: Final = ["", " ", "\t", "\n", "\u00a0", "\u3000", "\x1c", "\u200b", "  \u00a0 "]
CHARACTERS: Final = 'aZ09-._~ /\\"\0\x01\n\x7f\x85\u00a0\u00e9e\u0301\u00df\u0131\u212a\u2028\ufeff\uffff\U0001f4b6'
SURROGATES: Final = ["\\ud800", "\\udc00", "\\ud83d\\ude00", "\\ude00\\ud83d", "\\ud83d\\ud83d\\ude00", "\\uD83D\\n"]
NO_TEXT: Final = ["null", "true", "false", "0", "-0", "17", "1E2", "-1.50", "{}", "[]", '{"a": 1}', '["x"]']
NO_JSON: Final = [
    *'"-',
    "",
    "NaN",
    "-Infinity",
    "01",
    "1.",
    ".5",
    "+1",
    "tru",
    "'x'",
    '"\x01"',
    '"\\q"',
    '"\\u12"',
    '"\t"',
    "1e",
]
UUIDS: Final = [
    "7d444840-9dc0-11d1-b245-5ffdce74fad2",
    "7D444840-9DC0-11D1-B245-5FFDCE74FAD2",
    "7d4448409dc011d1b2455ffdce74fad2",
    "00000000-0000-0000-0000-000000000000",
    "7d444840-9dc011d1-b2455ffdce74fad2",
    "{7d444840-9dc0-11d1-b245-5ffdce74fad2}",
    "urn:uuid:7d444840-9dc0-11d1-b245-5ffdce74fad2",
    "7d444840-9dc0-11d1-b245-5ffdce74fad",
    "7d444840-9dc0-11d1-b245-5ffdce74fad2 ",
    "7d444840-9dc0-11d1-b245-5ffdce74fadG",
    "\uff17d444840-9dc0-11d1-b245-5ffdce74fad2",
]


def rarely(draw: DrawFn, one_in: int) -> bool:
    # In the middle: Hypothesis draws the ends of a range more often than the rest.
    return draw(st.integers(1, one_in)) == one_in // 2 + 1


@st.composite
def _spelled(draw: DrawFn, texts: SearchStrategy[str]) -> str:
    """A JSON text for these characters, some of them escaped though they need not be."""
    text = draw(texts)
    if text and text.isascii() and text.isalnum() and draw(st.booleans()):
        place = draw(st.integers(0, len(text) - 1))
        return f'"{text[:place]}\\u{ord(text[place]):04x}{text[place + 1 :]}"'
    return json.dumps(text, ensure_ascii=draw(st.booleans()))


def spelled(*texts: str) -> SearchStrategy[str]:
    return _spelled(st.sampled_from(texts))


def texts(*ordinary: str, limit: int) -> SearchStrategy[str]:
    """Ordinary ones; and blanks, odd characters, lengths about the limit, half surrogate pairs, and no texts."""
    long = [letter * (limit + more) for letter in "x\u20ac " for more in (-1, 0, 1)]
    return st.one_of(
        spelled(*ordinary),
        spelled(*BLANKS, *long),
        _spelled(st.text(CHARACTERS, max_size=8)),
        st.sampled_from([f'"a{escapes}b"' for escapes in SURROGATES]),
        st.sampled_from(NO_TEXT),
    )


_WHOLES: Final = ["0", "1", "12", "4999", "9" * 17, "9" * 18, "9" * 19, "1" + "0" * 17, "1" + "0" * 18, "007"]
_FRACTIONS: Final = ["0" * 9 + "5", "0" * 8 + "15", "5" * 9, "5" * 10, "0" * 30 + "1", "10" + "0" * 90, "9" * 10]
_EXPONENTS: Final = ["E2", "e+2", "E-02", "e-12", "e17", "e18", "e999999999", "E-999999999", "e9999999999", "e400"]


@st.composite
def numbers(draw: DrawFn) -> str:
    """A number: all lengths about the limits (18 digits, 9 decimals), exponents from tiny to absurd, odd signs."""
    sign = draw(st.sampled_from(["", "", "-"]))
    whole = draw(st.one_of(st.sampled_from(_WHOLES), st.integers(0, 10**6).map(str)))
    fraction = draw(
        st.one_of(
            st.just(""),
            st.integers(0, 99).map("{:02d}".format),
            st.text("0459", min_size=1, max_size=12),
            st.sampled_from(_FRACTIONS),
        )
    )
    exponent = draw(st.one_of(st.just(""), st.just(""), st.sampled_from(_EXPONENTS)))
    return f"{sign}{whole}{'.' if fraction else ''}{fraction}{exponent}"


_CENTS: Final = st.integers(-(10**8), 10**8).map(lambda cents: f"{cents / 100:.2f}")
_ODD_AMOUNTS: Final = spelled(
    "", " 1", "1 ", "+1", "1,50", "1_000", "0x1", ".5", "5.", "Infinity", "\u0661", "EUR 5", "--1"
)
AMOUNTS: Final = st.one_of(
    _CENTS, _CENTS.map('"{}"'.format), numbers(), numbers().map('"{}"'.format), _ODD_AMOUNTS, st.sampled_from(NO_TEXT)
)

_EDGES: Final = [
    *(ENQUEUED.replace(tzinfo=None) + timedelta(days=1, microseconds=us) for us in (-1, 0, 1)),
    *(datetime(2000, 1, 1) + timedelta(microseconds=us) for us in (-1, 0, 1)),  # noqa: DTZ001 - offsets come later
    *(datetime(year, 12, 31, 23, 59, 59) for year in (1, 1969, 1999, 2016, 2025, 9999)),  # noqa: DTZ001
    *(datetime(year, 1, 1) for year in (1, 2024, 9999)),  # noqa: DTZ001
]
_FRACTION_TEXTS: Final = [".", ",5", ".9999994", ".9999995", ".0000005", ".999999999999", ".0" + "9" * 20]
_OFFSETS: Final = ["+00:00", "-00:00", "+02:00", "-0530", "+14:00", "-23:59", "+23:59", "+24:00", "+02", "", " Z", "z"]


@st.composite
def instants(draw: DrawFn) -> str:
    """A time, most of them near an edge: the ends of the range, of a second, of a day."""
    recent = st.datetimes(datetime(2025, 12, 1), datetime(2026, 2, 3))  # noqa: DTZ001
    moment = draw(st.one_of(recent, st.sampled_from(_EDGES)))
    date, clock = f"{moment:%m-%d}", f"{moment:%H:%M:%S}"
    if rarely(draw, 9):
        date = draw(st.sampled_from(["02-29", "02-30", "00-01", "13-01"]))
    if rarely(draw, 5):
        clock = draw(st.sampled_from(["23:59:60", "18:59:60", "24:00:00", "12:60:00", "23:59:61", "11:59"]))
    digits = st.text("04599", min_size=1, max_size=12).map(".{}".format)
    fraction = draw(st.one_of(st.just(f".{moment:%f}"), st.just(""), digits, st.sampled_from(_FRACTION_TEXTS)))
    offset = draw(st.one_of(st.just("Z"), st.sampled_from(_OFFSETS)))
    between = draw(st.sampled_from("Tt ")) if rarely(draw, 5) else "T"
    return f"{moment.year:04d}-{date}{between}{clock}{fraction}{offset}"


TIMES: Final = st.one_of(_spelled(instants()), _spelled(instants()), st.sampled_from(NO_TEXT), spelled(*BLANKS))
CURRENCIES: Final = st.one_of(
    spelled(*MINOR_UNITS),
    spelled("eur", " EUR", "Usd", "EU", "EURO", "DEM", "978", "u\u017fd", "\u0131nr", ""),
    st.sampled_from(NO_TEXT),
)
IDS: Final = st.one_of(spelled(*UUIDS), texts("e-1", limit=255))
SPEC_VERSIONS: Final = st.sampled_from(['"1.0"', '"0.3"', "null", "1.0", '""'])


@st.composite
def nests(draw: DrawFn) -> str:
    """A value whose depth, in the event, is close to the limit, or far beyond."""
    depth = draw(st.sampled_from([1, *range(MAX_DEPTH - 4, MAX_DEPTH + 4), 5000]))
    opened, closed = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
    return f"{opened * depth}{draw(st.sampled_from(['1', '{}']))}{closed * depth}"


_LEAVES: Final = st.one_of(st.sampled_from(NO_TEXT), numbers(), _spelled(st.text(CHARACTERS, max_size=6)))
ANYTHING: Final = st.one_of(
    _LEAVES,
    st.lists(_LEAVES, max_size=3).map(lambda values: f"[{','.join(values)}]"),
    st.sampled_from([f'"{escapes}"' for escapes in SURROGATES]),
    nests(),
)
METRICS: Final = st.one_of(numbers(), numbers().map('"{}"'.format), ANYTHING, spelled("", " ", "n/a", "12"))


@st.composite
def risks(draw: DrawFn) -> str:
    """What stands at the head of the nested metric paths."""
    model = st.one_of(METRICS.map('{{"ms": {}}}'.format), ANYTHING)
    members = draw(st.lists(st.one_of(METRICS.map('"score": {}'.format), model.map('"model": {}'.format)), max_size=3))
    one: str = draw(ANYTHING)
    return f"{{{', '.join(members)}}}" if draw(st.booleans()) else one
