"""What is common first: the keys that most events share are taken, and no event is lost or moved."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from payments_core.aggregates import aggregate_keys
from payments_core.event import TIMESTAMP
from payments_core.split import split_by_most

START = datetime(2026, 1, 31, tzinfo=UTC)
PLACES = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(-200, 200)), min_size=1, max_size=60)


def table(places: list[tuple[str, int]]) -> pa.Table:
    """Events of these types, so many seconds after the start; in two chunks, as filters leave them."""
    types, seconds = zip(*places, strict=True)
    columns = {
        "index": pa.array(range(len(places)), pa.int64()),
        "event_type": pa.array(types, pa.string()),
        "occurred_at": pa.array([START + timedelta(seconds=each) for each in seconds], TIMESTAMP),
    }
    whole = pa.table(columns)
    half = len(places) // 2
    return pa.concat_tables([whole.slice(0, half), whole.slice(half)])


@given(PLACES)
def test_two_events_have_one_key_where_type_and_shortest_window_are_the_same(places: list[tuple[str, int]]) -> None:
    keys = aggregate_keys(table(places), timedelta(minutes=1)).to_pylist()
    plain = [(kind, seconds // 60) for kind, seconds in places]
    assert len(set(zip(keys, plain, strict=True))) == len(set(keys)) == len(set(plain))


@given(PLACES, st.integers(1, 12))
def test_the_keys_that_most_events_share_are_taken(places: list[tuple[str, int]], at_most: int) -> None:
    events = table(places)
    keys = aggregate_keys(events, timedelta(minutes=1))
    now, later = split_by_most(events, keys, at_most)
    taken, left = now["index"].to_pylist(), later["index"].to_pylist()
    assert (taken, left) == (sorted(taken), sorted(left))
    assert sorted(taken + left) == list(range(len(places)))
    counts = Counter(keys.to_pylist())
    of_taken, of_left = ({keys[place].as_py() for place in places} for places in (taken, left))
    assert not of_taken & of_left
    assert len(of_taken) == min(at_most, len(counts))
    if of_left:
        assert min(counts[key] for key in of_taken) >= max(counts[key] for key in of_left)
