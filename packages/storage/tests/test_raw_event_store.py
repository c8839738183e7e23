"""`BlobRawEventStore` on a real blob server: when it writes, what it keeps, and whom it lets write."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from payments_storage.errors import PermanentStorageError, StorageError, TransientStorageError
from payments_storage.raw_event import RawEvent, from_parquet, to_table
from payments_storage.raw_event_store import BlobRawEventStore, FileExistsInArchiveError

from .samples import NOON, raw_event, raw_events

if TYPE_CHECKING:
    from conftest import ArchiveContainer

MINUTE = timedelta(minutes=1)


@contextmanager
def client_of(connection_string: str, name: str, **options: Any) -> Iterator[ContainerClient]:
    with BlobServiceClient.from_connection_string(connection_string, retry_total=0, **options) as service:
        yield service.get_container_client(name)


@pytest.fixture
def container(archive_container: "ArchiveContainer") -> Iterator[ContainerClient]:
    with client_of(archive_container.connection_string, archive_container.name) as client:
        yield client


def stored(container: ContainerClient) -> dict[str, list[RawEvent]]:
    """Path -> the events in that file."""
    return {
        name: RawEvent.from_table(from_parquet(container.download_blob(name).readall()))
        for name in container.list_blob_names()
    }


def all_stored(container: ContainerClient) -> list[RawEvent]:
    return [event for events in stored(container).values() for event in events]


class TestFlush:
    def test_nothing_is_written_before_there_is_enough(self, container: ContainerClient) -> None:
        store = BlobRawEventStore(container)
        assert store.append(raw_event()) == []
        assert stored(container) == {}

    def test_it_writes_when_there_are_enough_events(self, container: ContainerClient) -> None:
        store = BlobRawEventStore(container, max_events=3)
        events = raw_events(4)
        assert [len(store.append(event)) for event in events] == [0, 0, 1, 0]
        assert all_stored(container) == events[:3]

    def test_it_writes_when_the_events_take_enough_memory(self, container: ContainerClient) -> None:
        events = raw_events(4)
        store = BlobRawEventStore(container, max_bytes=sum(to_table([event]).nbytes for event in events[:2]) + 1)
        assert [len(store.append(event)) for event in events] == [0, 0, 1, 0]
        assert all_stored(container) == events[:3]

    def test_it_writes_when_the_oldest_event_has_waited_long_enough(self, container: ContainerClient) -> None:
        clock = SimpleNamespace(now=0.0)
        store = BlobRawEventStore(container, max_age=MINUTE, monotonic=lambda: clock.now)
        events = raw_events(4)
        appended = []
        for event, clock.now in zip(events, (1000.0, 1059.9, 1060.0, 1119.9), strict=True):
            appended.append(len(store.append(event)))
        assert appended == [0, 0, 1, 0], "the age is that of the first event since the last file"
        assert all_stored(container) == events[:3]

    def test_flush_writes_what_is_there_and_then_there_is_nothing(self, container: ContainerClient) -> None:
        store = BlobRawEventStore(container)
        store.append(raw_event())
        assert [file.rows for file in store.flush()] == [1]
        assert store.flush() == []
        assert all_stored(container) == [raw_event()]

    def test_a_table_of_many_events_is_appended_at_once(self, container: ContainerClient) -> None:
        events = raw_events(5)
        (file,) = BlobRawEventStore(container, max_events=5).append(to_table(events))
        assert stored(container) == {file.path: events}

    def test_it_says_of_each_file_what_the_manifest_must_say(self, container: ContainerClient) -> None:
        store = BlobRawEventStore(container)
        days = (0, 1, 0)
        times = [NOON + timedelta(days=day, hours=-number) for number, day in enumerate(days)]
        store.append(to_table([raw_event(number, occurred_at=time) for number, time in enumerate(times)]))
        first, second = store.flush()
        assert (first.rows, first.first_sequence_number, first.last_sequence_number) == (2, 100, 102)
        assert (first.min_occurred_at, first.max_occurred_at) == (NOON - timedelta(hours=2), NOON)
        assert (second.rows, second.partition_id) == (1, "7")
        sizes = {blob.name: blob.size for blob in container.list_blobs()}
        assert sizes == {first.path: first.bytes, second.path: second.bytes}

    def test_a_file_is_declared_as_parquet(self, container: ContainerClient) -> None:
        (file,) = BlobRawEventStore(container, max_events=1).append(raw_event())
        settings = container.get_blob_client(file.path).get_blob_properties().content_settings
        assert settings.content_type == "application/vnd.apache.parquet"


class TestContextManager:
    def test_leaving_it_writes_what_is_there(self, container: ContainerClient) -> None:
        with BlobRawEventStore(container) as store:
            store.append(raw_event())
        assert all_stored(container) == [raw_event()]

    def test_leaving_it_by_an_exception_drops_events_that_nobody_acknowledged(self, container: ContainerClient) -> None:
        store = BlobRawEventStore(container)

        def fail() -> None:
            with store:
                store.append(raw_event())
                raise LookupError

        with pytest.raises(LookupError):
            fail()
        assert store.flush() == []
        assert stored(container) == {}


class TestFailure:
    def test_events_are_kept_when_they_cannot_be_written_and_go_out_when_they_can(
        self, archive_container: "ArchiveContainer"
    ) -> None:
        with client_of(archive_container.connection_string, f"{archive_container.name}-later") as absent:
            store = BlobRawEventStore(absent, max_events=2)
            store.append(raw_event(0))
            with pytest.raises(PermanentStorageError, match="HTTP 404"):
                store.append(raw_event(1))
            absent.create_container()
            assert [file.rows for file in store.flush()] == [2]
            assert all_stored(absent) == raw_events(2)
            absent.delete_container()

    def test_a_server_that_does_not_answer_is_a_transient_failure(self, free_port: int) -> None:
        connection = f"AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:{free_port}/a;"
        with client_of(connection, "raw-events") as container:
            store = BlobRawEventStore(container)
            store.append(raw_event())
            with pytest.raises(TransientStorageError, match=r"write raw_events/.*/events_.*\.parquet"):
                store.flush()

    @pytest.fixture
    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port


class TestTwoWriters:
    """A file is named by its first event, so two files of one name are two attempts at the same events."""

    @pytest.fixture
    def owner(self, container: ContainerClient) -> Callable[[], None]:
        """Writes all five events as who owns them now does: over whatever it finds."""

        def write() -> None:
            store = holding(container, raw_events(5))
            store.flush(replacing=store.look())

        return write

    @pytest.fixture
    def late(self, container: ContainerClient) -> BlobRawEventStore:
        """A writer that was given up on, with the first three of the five events."""
        return holding(container, raw_events(3))

    def test_a_retry_overwrites_its_own_orphan(self, late: BlobRawEventStore, container: ContainerClient) -> None:
        (orphan,) = holding(container, raw_events(2)).flush()
        seen = late.look()
        assert set(seen) == {orphan.path}
        late.flush(replacing=seen)
        assert stored(container) == {orphan.path: raw_events(3)}

    def test_a_file_that_was_not_looked_at_is_not_overwritten(
        self, late: BlobRawEventStore, owner: Callable[[], None], container: ContainerClient
    ) -> None:
        owner()
        with pytest.raises(FileExistsInArchiveError, match=r"raw_events/.* is there already"):
            late.flush()
        assert all_stored(container) == raw_events(5)

    def test_a_late_writer_that_saw_no_file_is_refused(
        self, late: BlobRawEventStore, owner: Callable[[], None], container: ContainerClient
    ) -> None:
        seen = late.look()
        assert seen == {}
        owner()
        with pytest.raises(FileExistsInArchiveError):
            late.flush(replacing=seen)
        assert all_stored(container) == raw_events(5)

    def test_a_late_writer_that_saw_an_orphan_is_refused_when_another_replaced_it(
        self, late: BlobRawEventStore, owner: Callable[[], None], container: ContainerClient
    ) -> None:
        holding(container, raw_events(2)).flush()
        seen = late.look()
        owner()
        with pytest.raises(TransientStorageError, match="HTTP 412"):
            late.flush(replacing=seen)
        assert all_stored(container) == raw_events(5)

    @pytest.mark.parametrize("orphan", [True, False])
    def test_a_late_writer_is_refused_even_when_its_request_was_on_its_way(
        self,
        archive_container: "ArchiveContainer",
        container: ContainerClient,
        owner: Callable[[], None],
        *,
        orphan: bool,
    ) -> None:
        def overtake(request: Any) -> None:
            if request.http_request.method == "PUT":
                owner()

        if orphan:
            holding(container, raw_events(2)).flush()
        with client_of(archive_container.connection_string, archive_container.name, raw_request_hook=overtake) as slow:
            store = holding(slow, raw_events(3))
            seen = store.look()
            assert bool(seen) is orphan
            with pytest.raises(StorageError, match=r"HTTP 412|is there already"):
                store.flush(replacing=seen)
        assert all_stored(container) == raw_events(5)

    def test_a_retry_over_several_days_replaces_each_file_that_is_there(self, container: ContainerClient) -> None:
        events = [raw_event(n, occurred_at=NOON + timedelta(days=n)) for n in range(3)]
        holding(container, events[1:2]).flush()
        store = holding(container, events)
        with pytest.raises(FileExistsInArchiveError):
            store.flush()
        seen = store.look()
        assert len(seen) == 2, "one was there, and one this writer had written when it was refused"
        store.flush(replacing=seen)
        assert sorted(all_stored(container), key=lambda event: event.sequence_number) == events


def holding(container: ContainerClient, events: list[RawEvent]) -> BlobRawEventStore:
    store = BlobRawEventStore(container)
    store.append(to_table(events))
    return store
