"""Batches of bodies that nobody has thought of, through the function into real PostgreSQL and Blob Storage.

The bodies are made of those of the corpus: cut, joined, damaged, and with their values in each other's places. The same
ones in every run; HOSTILE_EXAMPLES=2000 tries so many others (corpus/README.md).
"""

import json
import os
from typing import Final

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ..books import Books  # noqa: TID252 - test modules have no importable root
from ..events import body  # noqa: TID252
from ..system import TABLES, System, without_files  # noqa: TID252
from .hostile_books import HostileBooks, arrived, corpus

EXAMPLES: Final = int(os.environ.get("HOSTILE_EXAMPLES", "0"))
LONGEST: Final = 2_000
SEEDS: Final = sorted(text for text in corpus().values() if len(text) <= LONGEST)
PIECES: Final = [
    *(bytes([each]) for each in b'{}[]":,\\-0\n\0\xff'),
    *(b"", b"null", b"NaN", b"1e999999999", b"/*", b"\\u0000", b"\\ud800"),
    *(b"\xed\xa0\x80", b"\xef\xbb\xbf", "\U0001f4b6".encode()),
]


def _members() -> tuple[list[str], list[bytes]]:
    """The keys of the corpus' objects, and the texts of their values."""
    keys: set[str] = set()
    values: set[bytes] = set()
    for text in SEEDS:
        try:
            members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        keys |= members.keys()
        values |= {bytes(value) for value in members.values()}
    return sorted(keys), sorted(values)


KEYS, VALUES = _members()
ORDINARY: Final = {
    "transaction_id": b'"t-1"', "event_type": b'"payment.captured"', "occurred_at": b'"2026-01-31T11:00:00Z"',
    "amount": b'"12.50"', "currency": b'"EUR"', "payment_method": b'"card"', "payment_status": b'"captured"',
}  # fmt: skip
OFTEN: Final = [
    *ORDINARY,
    "event_id",
    "correlation_id",
    "fee_amount",
    "risk_score",
    "merchant_id",
    "specversion",
    "data",
]


@st.composite
def assembled(draw: DrawFn) -> bytes:
    """An event with values of the corpus in places where they do not belong."""
    members = list(ORDINARY.items())
    misplaced = st.tuples(st.one_of(st.sampled_from(OFTEN), st.sampled_from(KEYS)), st.sampled_from(VALUES))
    members += draw(st.lists(misplaced, max_size=4))
    if draw(st.booleans()):
        members[0] = ("transaction_id", json.dumps(draw(st.text(min_size=1, max_size=20))).encode())
    return b"{" + b",".join([json.dumps(key).encode() + b":" + value for key, value in members]) + b"}"


@st.composite
def damaged(draw: DrawFn) -> bytes:
    """A body of the corpus with a few pieces cut out or put in."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 3))):
        place, skipped = draw(st.integers(0, len(text))), draw(st.integers(0, 8))
        text = text[:place] + draw(st.sampled_from(PIECES)) + text[place + skipped :]
    return text


BODIES: Final = st.one_of(assembled(), assembled(), damaged(), st.binary(max_size=40))


def empty(system: System) -> None:
    for table in TABLES:
        system.owner_does(f"DELETE FROM {table}")  # noqa: S608 - ours
    for blob in system.container.list_blobs():
        system.container.delete_blob(blob.name)


@settings(
    max_examples=EXAMPLES or 50,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(BODIES, min_size=1, max_size=20), st.data())
def test_whatever_bytes_arrive_the_good_are_stored_the_bad_quarantined_and_the_totals_are_right(
    hostile_system: System, hostile: list[bytes], data: st.DataObject
) -> None:
    empty(hostile_system)
    ordinary = [body(number, occurred_at=f"2026-01-31T11:{number:02}:00Z") for number in range(3)]
    repeated = data.draw(st.lists(st.sampled_from([*hostile, *ordinary]), max_size=3), label="again in the same batch")
    batch = arrived(data.draw(st.permutations([*hostile, *ordinary, *repeated]), label="the batch"))
    books, plain = HostileBooks(), Books()
    books.deliver(batch)
    plain.deliver([message for message in batch if message.body in ordinary])

    outcome = hostile_system.deliver(batch)

    parts = (outcome.archived, outcome.duplicates, outcome.failed)
    assert sum(parts) == outcome.delivered == len(batch)
    state = without_files(hostile_system.state())
    assert state == books.state()
    assert state.archive.items() >= plain.state().archive.items()
    before = hostile_system.dump()
    again = hostile_system.deliver(batch)
    assert (again.archived, again.failed, again.delivered) == (0, 0, len(batch))
    assert hostile_system.dump() == before
