"""The fast way through the parser and `normalize` are one and the same function, and a pure one."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments_core import batch
from payments_core.batch import Parser
from payments_core.normalize import MAX_DEPTH
from payments_core.rules import load_rules

from .examples import ENQUEUED, ORDINARY, PARSER, body, deliver, envelope, event, outcome, parse, taken, written
from .nasty import bodies

UUID_TEXT = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


@settings(max_examples=600)
@given(st.lists(bodies(), min_size=1, max_size=4))
def test_the_fast_way_gives_the_rows_and_the_rejections_of_the_careful_way(several: list[bytes]) -> None:
    parse(deliver(*several))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(envelope(event(note="?")).replace(b"?", b"\xff"), id="not UTF-8 where nothing is read"),
        pytest.param(envelope(event(), id=" "), id="blank id"),
        pytest.param(envelope(event(), id="a\0b"), id="NUL in the id"),
        pytest.param(envelope(event(), source="\u00a0"), id="source of one no-break space"),
        pytest.param(envelope(event(), id="x" * (1 << 16)), id="very long id"),
        pytest.param(envelope(event(event_id=" ")), id="blank id inside"),
        pytest.param(envelope(event(event_id="a\0b")), id="NUL in the id inside"),
        pytest.param(envelope(event(event_id="x" * (1 << 16 | 1))), id="too long an id inside"),
        pytest.param(envelope(event(event_id="\u00a0")), id="no-break space as the id inside"),
        pytest.param(envelope(event(), time="2026-01-31T11:00:00Z", type="refund"), id="said inside and outside"),
        pytest.param(envelope({}, **event()), id="an event that is an envelope too"),
        pytest.param(envelope({}, **event() | {"specversion": None}), id="specversion null"),
        pytest.param(body(specversion="1.0"), id="specversion without data"),
        pytest.param(written(specversion='"1.0", "data": {}, "specversion": null'), id="specversion taken back"),
        pytest.param(written(event_id=f'"{UUID_TEXT}", "event_id": null'), id="event id taken back"),
        pytest.param(written(currency='"EUR", "currency": "JPY"'), id="currency twice"),
        pytest.param(written(risk='{"score": 1}, "risk": {"model": {}}'), id="nested object twice"),
        pytest.param(written(risk='{"score": 1, "score": "x"}'), id="nested number twice"),
        pytest.param(written(risk='{"score": 1, "model": 7}'), id="no object on a metric's path"),
        pytest.param(written(fee_amount='"\\u0031\\u002e5"'), id="escaped number"),
        pytest.param(written(fee_amount="0.99999999950"), id="ten decimals"),
        pytest.param(written(amount="1e2"), id="exponent"),
        pytest.param(written(amount="-0"), id="minus zero"),
        pytest.param(written(amount="-0.000000000"), id="minus zero with decimals"),
        pytest.param(written(currency='"JPY"', amount="1.10"), id="too fine for its currency"),
        pytest.param(written(currency='"JPY"', amount="1.000000000"), id="fine enough for its currency"),
        pytest.param(written(currency='"XAU"', amount="999999999999999999.999999999"), id="longest amount"),
        pytest.param(written(currency='"XAU"', amount="-999999999999999999.999999999"), id="longest negative amount"),
        pytest.param(body(occurred_at="0001-01-01T00:00:00+23:59"), id="before the calendar"),
        pytest.param(body(occurred_at="9999-12-31T23:59:59.9999999Z"), id="rounded past the calendar"),
        pytest.param(body(occurred_at="2026-02-01T12:00:00.0000004Z"), id="a day ahead after rounding"),
        pytest.param(body(transaction_id="\u00a0"), id="blank in unicode"),
        pytest.param(body(transaction_id="\u20ac"), id="no ASCII"),
        pytest.param(body(transaction_id="a\n"), id="line end in a text"),
        pytest.param(body(event_id=UUID_TEXT + "\n"), id="line end after a UUID"),
        pytest.param(body(amount="1\n"), id="line end after an amount"),
        pytest.param(body(event_id="\uff17" + UUID_TEXT[1:]), id="UUID with a wide digit"),
        pytest.param(body(merchant_id="x" * 256), id="optional text too long"),
        pytest.param(body("transaction_id")[:-1] + b',"transaction\\u005fid":"t"}', id="escaped key"),
        pytest.param(body()[:-1] + b',"\\ud800":"\\ud800"}', id="half surrogates where nothing is read"),
    ],
)
def test_both_ways_agree_where_they_once_parted_or_easily_could(text: bytes) -> None:
    outcome(text)


@pytest.mark.parametrize("depth", range(MAX_DEPTH - 3, MAX_DEPTH + 3))
@pytest.mark.parametrize("opened", ["[", '{"a":'])
@pytest.mark.parametrize("inner", ["1", "{}"])
def test_both_ways_agree_about_depth(depth: int, opened: str, inner: str) -> None:
    outcome(written(note=opened * depth + inner + {"[": "]"}.get(opened, "}") * depth))


ORDINARY_SPELLINGS = {
    "as it stands": body(),
    "number": written(amount="12.5"),
    "longest number": written(amount="999999999999999999.990000000"),
    "offset": body(occurred_at="2026-01-31T13:59:30+02:00"),
    "nanoseconds": body(occurred_at="2026-01-31T11:59:30.123456789Z"),
    "own id": body(event_id=UUID_TEXT),
    "everything": body(event_id=UUID_TEXT.upper(), correlation_id=UUID_TEXT, merchant_id="m", customer_id="c"),
    "unicode": body(merchant_id="Caf\u00e9 1", payment_method="\u652f\u4ed8 card"),
    "metrics": body(fee_amount="0.25", processing_time_ms=31, risk={"score": 0.5, "model": {"ms": "7"}}),
    "unusable metrics": body(fee_amount="n/a", risk_score=[1]),
    "more": body(lines=[{"sku": "a", "n": [1, 2]}], note="\u20ac", flag=True, nothing=None),
    "other order": json.dumps(dict(reversed(event().items()))).encode(),
    "line end": body() + b"\r\n",
    "envelope": envelope(event()),
    "envelope that says type and time": envelope(
        event("event_type", "occurred_at"), type="refund", time="2026-01-31T11:00:00Z"
    ),
}


@pytest.mark.parametrize("text", ORDINARY_SPELLINGS.values(), ids=ORDINARY_SPELLINGS)
def test_ordinary_events_take_the_fast_way(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the throughput is gone, and the tests that hold both ways equal compare one way with itself."""
    careful = taken(text)

    def not_needed(*_: object) -> None:
        pytest.fail("an ordinary event went the careful way")

    monkeypatch.setattr(batch, "normalize", not_needed)
    result = PARSER.parse_and_normalize(deliver(text))
    assert result.events["event_id"].to_pylist() == [careful.event_id]


def any_bytes() -> st.SearchStrategy[bytes]:
    words = st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b":",
            b",",
            b"1",
            b"amount",
            b"null",
            b"\xff",
            b"\\u",
            *map(str.encode, ORDINARY),
        ]
    )
    return st.one_of(st.binary(max_size=60), st.lists(words, max_size=30).map(b"".join), bodies())


@settings(max_examples=200)
@given(st.lists(any_bytes(), max_size=4))
def test_every_body_ends_in_exactly_one_transaction_or_rejection(several: list[bytes]) -> None:
    result = PARSER.parse_and_normalize(deliver(*several))
    rejected = [rejection.index for rejection in result.rejections]
    assert sorted(result.events["index"].to_pylist() + rejected) == list(range(len(several)))
    assert result.events.schema.equals(PARSER.schema)
    assert rejected == sorted(rejected)


@settings(max_examples=50)
@given(st.lists(bodies(), max_size=4))
def test_the_same_delivery_gives_the_same_again(several: list[bytes]) -> None:
    delivery = deliver(*several)
    first, second = PARSER.parse_and_normalize(delivery), Parser(PARSER.rules).parse_and_normalize(delivery)
    assert first.events.equals(second.events)
    assert (first.rejections, first.unusable_metrics) == (second.rejections, second.unusable_metrics)


def verdicts(several: list[bytes]) -> list[Any]:
    """What becomes of each body, without what says where in the batch it stood."""
    delivery = replace(deliver(*several), enqueued_at=[ENQUEUED] * len(several))
    result = PARSER.parse_and_normalize(delivery)
    found: dict[int, Any] = {rejection.index: replace(rejection, index=0) for rejection in result.rejections}
    for row in result.events.to_pylist():
        found[row["index"]] = row | {"index": 0, "sequence_number": 0}
    return [found[index] for index in range(len(several))]


@settings(max_examples=100)
@given(st.lists(bodies(), min_size=2, max_size=4))
def test_a_verdict_never_depends_on_the_neighbours(several: list[bytes]) -> None:
    together = verdicts(several)
    assert together == [verdicts([one])[0] for one in several]
    assert together == verdicts(several[::-1])[::-1]


def test_an_empty_delivery_gives_an_empty_table() -> None:
    result = parse(deliver())
    assert (result.events.num_rows, result.rejections, result.unusable_metrics) == (0, [], 0)
    assert result.events.schema.equals(PARSER.schema)


def test_events_keep_the_order_of_delivery_whichever_way_they_went() -> None:
    careful = body(currency="eur")
    result = parse(deliver(careful, body(), b"", careful, envelope(event()), body(transaction_id=7)))
    assert result.events["index"].to_pylist() == [0, 1, 3, 4, 5]
    assert result.events["sequence_number"].to_pylist() == [500, 501, 503, 504, 505]


@pytest.mark.parametrize(
    "toml",
    [
        "metric = []",
        '[[metric]]\nname = "a"\nfield = "amount"\n[[metric]]\nname = "b"\nfield = "amount"',
        '[[metric]]\nname = "a"\nfield = "x.y"\n[[metric]]\nname = "b"\nfield = "x.y"',
        '[[metric]]\nname = "a"\nfield = "x.y"\n[[metric]]\nname = "b"\nfield = "x.z"',
        '[[metric]]\nname = "a"\nfield = "m1"\n[[metric]]\nname = "b"\nfield = "data.m0"',
    ],
)
def test_both_ways_agree_under_any_rules(toml: str) -> None:
    parser = Parser(load_rules(toml))
    changes: list[dict[str, Any]] = [{}, {"x": {"y": 1, "z": "2"}}, {"x": 1}, {"m1": 3, "data": {"m0": 4, "m1": 5}}]
    for change in changes:
        for text in (body(**change), body(currency="eur", **change), envelope(event(**change))):
            taken(text, parser)
