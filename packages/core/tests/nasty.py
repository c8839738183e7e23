"""Hypothesis strategy for bodies as they may come from the hub: events, mostly ordinary, each odd in some way."""

from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from . import spellings
from .spellings import ANYTHING, BLANKS, IDS, METRICS, NO_JSON, SURROGATES, TIMES, UUIDS, rarely, spelled, texts

_EVENT_TYPES: Final = texts("payment.captured", "refund", limit=100)
REQUIRED: Final[dict[str, tuple[str, SearchStrategy[str]]]] = {
    "transaction_id": ('"tx-1001"', texts("tx-1", "T", limit=255)),
    "event_type": ('"payment.captured"', _EVENT_TYPES),
    "occurred_at": ('"2026-01-31T11:59:30.250Z"', TIMES),
    "amount": ('"12.50"', spellings.AMOUNTS),
    "currency": ('"EUR"', spellings.CURRENCIES),
    "payment_method": ('"card"', texts("card", "sepa", limit=100)),
    "payment_status": ('"captured"', texts("captured", "failed", limit=100)),
}
OPTIONAL: Final[dict[str, SearchStrategy[str]]] = {
    "event_id": IDS,
    "correlation_id": IDS,
    "merchant_id": texts("m-1", limit=255),
    "customer_id": texts("c-1", limit=255),
    "fee_amount": METRICS,
    "processing_time_ms": METRICS,
    "risk_score": METRICS,
    "geb\u00fchr": METRICS,
    "risk": spellings.risks(),
    "note": ANYTHING,
    "\U0001f4b6": ANYTHING,
    "specversion": spellings.SPEC_VERSIONS,
    "data": ANYTHING,
}
_NAMES: Final = st.one_of(spelled("e-1", "/shop"), spelled("\u00e9", "a b", *UUIDS, *BLANKS), texts("e-2", limit=255))
_FIRST: Final = ["", "", "", " ", "\ufeff"]
_LAST: Final = ["", "", "", "\r\n", "\0", "{}"]
_DAMAGE: Final = [b"\xff", b"\xed\xa0\x80", b"", b'"', b"\0", b","]

Members = list[tuple[str, str]]


@st.composite
def members(draw: DrawFn) -> Members:
    """An event's members: a few of them odd, added, absent or there twice, in any order."""
    chosen = {key: ordinary for key, (ordinary, _) in REQUIRED.items()}
    for key in draw(st.lists(st.sampled_from(list(REQUIRED)), max_size=2)):
        chosen[key] = draw(REQUIRED[key][1])
    for key in draw(st.lists(st.sampled_from(list(OPTIONAL)), max_size=2)):
        chosen[key] = draw(OPTIONAL[key])
    found = list(chosen.items())
    if rarely(draw, 9):
        found.append((draw(st.sampled_from([*REQUIRED, *OPTIONAL])), draw(ANYTHING)))
    if rarely(draw, 9):
        found.insert(0, (draw(st.sampled_from([*REQUIRED, *OPTIONAL])), draw(ANYTHING)))
    if rarely(draw, 29):
        found.append((draw(st.sampled_from(["note", "fee_amount", "risk"])), draw(st.sampled_from(NO_JSON))))
    if rarely(draw, 15):
        found.pop(draw(st.integers(0, len(found) - 1)))
    return draw(st.permutations(found)) if rarely(draw, 5) else found


@st.composite
def objects(draw: DrawFn, chosen: Members) -> str:
    """Members as a JSON object, with odd spaces, and now and then an escape in a key."""
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), ("\r\n ,", "\t:\n")]))
    keys = [key for key, _ in chosen]
    if rarely(draw, 9):
        keys = [key.replace("a", "\\u0061") for key in keys]
    if rarely(draw, 49):
        keys[0] = draw(st.sampled_from([*SURROGATES, "\\q", "\x01", ""]))
    written = [f'"{key}"{colon}{value}' for key, (_, value) in zip(keys, chosen, strict=True)]
    return f"{{{comma.join(written)}}}"


@st.composite
def envelopes(draw: DrawFn, data: str) -> str:
    """A CloudEvents envelope around an event, right or nearly so."""
    around = {"specversion": '"1.0"', "id": '"e-1"', "source": '"/shop"', "data": data}
    if rarely(draw, 3):
        around[draw(st.sampled_from(["id", "source"]))] = draw(_NAMES)
    for key, values in {"type": _EVENT_TYPES, "time": TIMES, "note": ANYTHING}.items():
        if rarely(draw, 4):
            around[key] = draw(values)
    if rarely(draw, 9):
        around["specversion"] = draw(spellings.SPEC_VERSIONS)
    if rarely(draw, 9):
        around |= {"type": '"refund"', "time": '"2026-01-31T11:00:00Z"'}
    if rarely(draw, 9):
        del around[draw(st.sampled_from(list(around)))]
    if rarely(draw, 9):
        around["data_base64"] = draw(st.sampled_from(["null", '"e30="']))
    return draw(objects(list(around.items())))


@st.composite
def bodies(draw: DrawFn) -> bytes:
    chosen = draw(members())
    text = draw(objects(chosen))
    if rarely(draw, 3):
        text = draw(envelopes(text))
    if rarely(draw, 15):
        text = f"{draw(st.sampled_from(_FIRST))}{text}{draw(st.sampled_from(_LAST))}"
    body = text.encode()
    if rarely(draw, 29):
        place, skipped = draw(st.integers(0, len(body))), draw(st.integers(0, 2))
        body = body[:place] + draw(st.sampled_from(_DAMAGE)) + body[place + skipped :]
    return body
