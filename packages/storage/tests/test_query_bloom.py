"""Bloom filters: never a wrong no, seldom a wrong yes, and what is no filter rules nothing out."""

from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from payments_storage.query import bloom
from payments_storage.query.explain import Explain
from payments_storage.query.query import ArchiveQuery
from payments_storage.query.wanted import Wanted
from payments_storage.raw_event import COMPACTED_OPTIONS, to_table

from .archive import Archive, parquet
from .samples import raw_event, raw_events

THERE = [f"id-{number}" for number in range(5_000)] + ["", "Zoë 💶", "x" * 255]


@pytest.fixture(scope="module")
def filter_() -> bytes:
    """As pyarrow writes it for the column of THERE."""
    sink = BytesIO()
    pq.write_table(pa.table({"id": THERE}), sink, bloom_filter_options={"id": {"ndv": len(THERE), "fpp": 0.01}})
    place = bloom.place_of(pq.read_metadata(sink).row_group(0).column(0))
    assert place is not None
    return sink.getvalue()[place[0] : place[0] + place[1]]


def test_what_is_there_is_never_ruled_out(filter_: bytes) -> None:
    assert all(bloom.can_have(filter_, bloom.hash_of(text)) for text in THERE)


def test_of_what_is_not_there_nearly_all_is_ruled_out(filter_: bytes) -> None:
    passed = sum(bloom.can_have(filter_, bloom.hash_of(f"other-{number}")) for number in range(10_000))
    assert passed < 200


@pytest.mark.parametrize("length", [0, 1, 2, 5, 20, 40, 100])
def test_bytes_that_are_no_filter_rule_nothing_out(filter_: bytes, length: int) -> None:
    assert bloom.can_have(filter_[:length], bloom.hash_of("nobody"))
    assert bloom.can_have(b"\x00" * length, bloom.hash_of("nobody"))
    assert bloom.can_have(b"\x15" + b"\xff" * length, bloom.hash_of("nobody"))


def test_an_event_id_is_found_by_the_filters_of_a_compacted_file(archive: Archive) -> None:
    events = [
        raw_event(number, correlation_id=f"0b7e0f52-5c1b-4d2e-8f6c-93a4ab3e{number:04}") for number in range(1_000)
    ]
    archive.put(events, parquet(to_table(events), **{**COMPACTED_OPTIONS, "row_group_size": 50}))
    asked = (Wanted(event_id=events[321].event_id), Wanted(correlation_id=events[321].correlation_id))
    for wanted in asked:
        explain = Explain()
        with ArchiveQuery.open(archive.settings) as query:
            assert list(query.retrieve(wanted, explain)) == [events[321]]
        spared = explain.row_groups_pruned_by_statistics + explain.row_groups_pruned_by_bloom_filter
        assert (spared, explain.row_groups_read) == (19, 1)


def test_ids_that_statistics_cannot_tell_apart_are_told_apart_by_filters(archive: Archive) -> None:
    events = [
        raw_event(number, event_id=f"{number * 7919 % 1000:08}-0000-4000-8000-000000000000") for number in range(1_000)
    ]
    archive.put(events, parquet(to_table(events), **{**COMPACTED_OPTIONS, "row_group_size": 100}))
    explain = Explain()
    with ArchiveQuery.open(archive.settings) as query:
        assert list(query.retrieve(Wanted(event_id=events[250].event_id), explain)) == [events[250]]
    assert explain.row_groups_pruned_by_bloom_filter == 9
    assert explain.row_groups_without_a_match == 0


def test_files_without_filters_are_searched_all_the_same(archive: Archive) -> None:
    events = raw_events(100)
    archive.write(events, row_group=10)
    explain = Explain()
    with ArchiveQuery.open(archive.settings) as query:
        assert list(query.retrieve(Wanted(event_id=events[42].event_id), explain)) == [events[42]]
    assert explain.row_groups_pruned_by_bloom_filter == 0


def test_filters_that_do_not_lie_side_by_side_are_read_one_by_one() -> None:
    file = BytesIO(bytes(range(200)))
    file.read_at = lambda length, offset: file.getvalue()[offset : offset + length]  # type: ignore[attr-defined]
    near, far = [(10, 5), (15, 5)], [(10, 5), (150, 5)]
    assert bloom.read(file, near) == ([bytes(range(10, 15)), bytes(range(15, 20))], 10)
    assert bloom.read(file, far) == ([bytes(range(10, 15)), bytes(range(150, 155))], 10)
    assert bloom.read(file, [(10, 5), (30, 5)]) == ([bytes(range(10, 15)), bytes(range(30, 35))], 25)
