"""Files that are not as they should be: each has its outcome, and an answer that lacks events never ends well."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from azure.storage.blob import RehydratePriority, StandardBlobTier

from payments_storage.errors import ArchiveUnavailableError
from payments_storage.query.explain import Explain
from payments_storage.query.problems import ArchivedFileError, IncompleteAnswerError, Problem, Reason
from payments_storage.query.query import ArchiveQuery
from payments_storage.query.rehydrate import Archived, find_archived, rehydrate
from payments_storage.query.wanted import Wanted
from payments_storage.raw_event import RawEvent, to_parquet, to_table

from .archive import Archive, parquet
from .samples import NOON, raw_event, raw_events

EVENTS = raw_events(100)
GOOD = [replace(event, event_id=f"good-{number}") for number, event in enumerate(EVENTS)]


def read_to_the_end(archive: Archive, wanted: Wanted = Wanted()) -> tuple[list[RawEvent], list[Problem]]:  # noqa: B008
    """All events that come, and what is said about the others."""
    events: list[RawEvent] = []
    with ArchiveQuery.open(archive.settings) as query:
        try:
            events.extend(query.retrieve(wanted))
        except IncompleteAnswerError as error:
            return events, error.problems
    return events, []


BROKEN: dict[str, tuple[Callable[[bytes], bytes], Reason]] = {
    "empty": (lambda _: b"", Reason.EMPTY),
    "half-written": (lambda data: data[: len(data) // 2], Reason.CUT),
    "other bytes": (lambda data: b"x" * len(data), Reason.UNREADABLE),
    "footer damaged": (lambda data: data[:-40] + b"x" * 32 + data[-8:], Reason.UNREADABLE),
    "pages damaged": (lambda data: data[:4] + b"\xff" * 2000 + data[2004:], Reason.UNREADABLE),
    "a shorter file": (lambda _: to_parquet(to_table(EVENTS[:50])), Reason.CUT),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_named_at_the_end_and_the_others_are_read(archive: Archive, kind: str) -> None:
    change, reason = BROKEN[kind]
    path = archive.write(EVENTS)
    data = archive.container.download_blob(path).readall()
    archive.container.upload_blob(path, change(data), overwrite=True)
    archive.write(GOOD)
    assert read_to_the_end(archive) == (GOOD, [Problem(path, reason)])


def test_a_file_with_other_events_than_the_manifest_says_is_not_trusted(archive: Archive) -> None:
    path = archive.put(EVENTS, to_parquet(to_table(EVENTS[:50])))
    assert read_to_the_end(archive) == ([], [Problem(path, Reason.OTHER_ROWS)])


def test_a_parquet_file_that_is_no_archive_file_is_named(archive: Archive) -> None:
    path = archive.put(EVENTS, parquet(to_table(EVENTS).drop_columns(["currency"])))
    assert read_to_the_end(archive) == ([], [Problem(path, Reason.NO_ARCHIVE_FILE)])


@pytest.mark.parametrize("state", ["active", "replaced"])
def test_a_file_that_is_gone_is_missing_or_was_replaced_as_the_manifest_knows(archive: Archive, state: str) -> None:
    """Compaction replaces a file while it is read: that is said, and asking again gives the whole answer."""
    path = archive.write(EVENTS)
    archive.write(GOOD)
    with ArchiveQuery.open(archive.settings) as query:
        original = query.files.days

        def days(wanted: Wanted, explain: Explain):  # type: ignore[no-untyped-def]  # noqa: ANN202
            for day in original(wanted, explain):
                archive.container.delete_blob(path)
                if state == "replaced":
                    archive.replace(path)
                yield day

        query.files.days = days  # type: ignore[method-assign]
        with pytest.raises(IncompleteAnswerError) as caught:
            list(query.retrieve(Wanted()))
    reason = Reason.GONE if state == "active" else Reason.REPLACED
    assert caught.value.problems == [Problem(path, reason)]
    if state == "replaced":
        assert read_to_the_end(archive) == (GOOD, [])


def test_a_replaced_file_that_is_still_there_is_read_by_whoever_listed_it(archive: Archive) -> None:
    """The grace period: a reader in mid-scan sees each event once, whatever compaction swaps meanwhile."""
    first, second = archive.write(EVENTS), archive.write(GOOD)
    with ArchiveQuery.open(archive.settings) as query:
        events = query.retrieve(Wanted())
        seen = [next(events)]
        archive.replace(first, second)
        archive.write(EVENTS + GOOD)
        seen.extend(events)
    assert sorted(event.event_id for event in seen) == sorted(event.event_id for event in EVENTS + GOOD)


def test_of_an_older_version_missing_columns_come_as_nothing_found(archive: Archive) -> None:
    archive.put(EVENTS, parquet(to_table(EVENTS).drop_columns(["redactions", "customer_id", "merchant_id"])))
    assert read_to_the_end(archive) == (EVENTS, [])
    assert read_to_the_end(archive, Wanted(merchant_id="m-1")) == ([], [])


def test_of_a_newer_version_added_columns_are_left_out(archive: Archive) -> None:
    newer = to_table(EVENTS).append_column("channel", pa.array(["web"] * len(EVENTS)))
    archive.put(EVENTS, parquet(newer))
    assert read_to_the_end(archive) == (EVENTS, [])


def test_other_writers_may_have_stored_times_and_texts_in_their_own_way(archive: Archive) -> None:
    table = to_table(EVENTS)
    for name, kind in (("occurred_at", pa.timestamp("ms", "UTC")), ("currency", pa.dictionary(pa.int8(), pa.string()))):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    archive.put(EVENTS, parquet(table))
    assert read_to_the_end(archive) == (EVENTS, [])


def test_late_events_are_found_by_when_they_occurred(archive: Archive) -> None:
    """A file written today has events of last week; its folder and its manifest row are of last week."""
    late = raw_event(occurred_at=NOON - timedelta(days=7), enqueued_at=NOON)
    archive.write([late])
    assert read_to_the_end(archive, Wanted(NOON - timedelta(days=8), NOON - timedelta(days=6))) == ([late], [])


def test_a_large_file_is_read_a_row_group_at_a_time(archive: Archive) -> None:
    events = raw_events(20_000)
    archive.write(events, row_group=1_000)
    with ArchiveQuery.open(archive.settings) as query:
        sizes = [batch.num_rows for batch in query.query(Wanted())]
    assert sizes == [1_000] * 20


def test_files_without_a_manifest_that_were_never_finished_are_named_too(archive: Archive) -> None:
    archive.write(GOOD)
    path = archive.put(EVENTS, to_parquet(to_table(EVENTS))[:1000], counts=False)
    with ArchiveQuery.open(archive.blobs_only) as query, pytest.raises(IncompleteAnswerError) as caught:
        list(query.query(Wanted()))
    assert caught.value.problems == [Problem(path, Reason.UNREADABLE)]


def test_an_archived_file_ends_the_answer_and_can_be_asked_for(archive: Archive) -> None:
    path = archive.write(EVENTS)
    archive.write([replace(event, occurred_at=NOON + timedelta(days=1)) for event in GOOD])
    archive.container.get_blob_client(path).set_standard_blob_tier(StandardBlobTier.ARCHIVE)
    size = archive.container.get_blob_client(path).get_blob_properties().size
    for settings in (archive.settings, archive.blobs_only):
        with ArchiveQuery.open(settings) as query:
            with pytest.raises(ArchivedFileError, match=path):
                list(query.retrieve(Wanted()))
            assert find_archived(query, Wanted()) == [Archived(path, size, requested=False)]
            assert find_archived(query, Wanted(start=NOON + timedelta(days=1))) == []
    with ArchiveQuery.open(archive.settings) as query:
        assert rehydrate(archive.container, find_archived(query, Wanted()), RehydratePriority.HIGH) == 1
        assert find_archived(query, Wanted()) == []  # Azurite brings it at once, where Azure takes hours
        assert len(list(query.retrieve(Wanted()))) == 200


def test_files_on_their_way_back_are_not_asked_for_again(archive: Archive) -> None:
    blob = archive.container.get_blob_client(archive.write(EVENTS))
    blob.set_standard_blob_tier(StandardBlobTier.ARCHIVE)
    coming = [Archived(blob.blob_name, 1, requested=True)]
    assert rehydrate(archive.container, coming, RehydratePriority.STANDARD) == 0
    assert blob.get_blob_properties().blob_tier == "Archive"


def test_a_file_that_was_compacted_meanwhile_needs_no_asking(archive: Archive) -> None:
    gone = [Archived("raw_events/gone.parquet", 1, requested=False)]
    assert rehydrate(archive.container, gone, RehydratePriority.STANDARD) == 0


def test_a_store_that_is_away_is_no_broken_file(archive: Archive) -> None:
    archive.write(EVENTS)
    away = archive.settings.model_copy(
        update={
            "archive_connection_string": type(archive.settings.archive_connection_string)(  # type: ignore[misc]
                "DefaultEndpointsProtocol=http;AccountName=away;AccountKey=aGVsbG8=;BlobEndpoint=http://127.0.0.1:9/away"
            )
        }
    )
    with ArchiveQuery.open(away) as query, pytest.raises(ArchiveUnavailableError):
        list(query.query(Wanted()))


def test_the_message_names_a_few_files_and_counts_the_others() -> None:
    text = str(IncompleteAnswerError([Problem(f"raw_events/{number}.parquet", Reason.EMPTY) for number in range(7)]))
    assert text.startswith("The answer is incomplete: 7 files could not be read.\n  raw_events/0.parquet is empty")
    assert text.endswith("and 2 more")
