"""The archive is a Hive-partitioned data set: its folders answer questions about days without opening other files."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from azure.storage.blob import ContainerClient
from pyarrow.fs import AzureFileSystem
from pydantic import SecretStr

from payments_storage.archive_dataset import archive_files, open_archive, open_file_system
from payments_storage.connect import open_container
from payments_storage.raw_event import RAW_EVENT_SCHEMA, RawEvent, to_table
from payments_storage.raw_event_store import ArchiveFile, BlobRawEventStore
from payments_storage.settings import ArchiveSettings, PostgresAuth, StorageSettings

from .samples import NOON, raw_event

if TYPE_CHECKING:
    from conftest import ArchiveContainer

DAYS = 3
EVENTS = [raw_event(n, occurred_at=NOON + timedelta(days=n % DAYS)) for n in range(7)]


@pytest.fixture
def settings(archive_container: "ArchiveContainer") -> StorageSettings:
    return StorageSettings.load(
        postgres_dsn="postgresql://nobody@localhost/none",
        postgres_auth=PostgresAuth.PASSWORD,
        archive_connection_string=archive_container.connection_string,
        archive_container=archive_container.name,
    )


@pytest.fixture
def container(settings: StorageSettings) -> Iterator[ContainerClient]:
    with open_container(settings) as container:
        yield container


@pytest.fixture
def files(container: ContainerClient) -> list[ArchiveFile]:
    store = BlobRawEventStore(container)
    store.append(to_table(EVENTS))
    return store.flush()


def test_files_are_listed_with_their_sizes_and_nothing_outside_the_archive_is(
    files: list[ArchiveFile], container: ContainerClient, settings: StorageSettings
) -> None:
    container.upload_blob("other/notes.txt", b"not of the archive")
    assert archive_files(settings) == {file.path: file.bytes for file in files}


def test_an_archive_without_files_is_an_empty_data_set(settings: StorageSettings) -> None:
    assert archive_files(settings) == {}
    assert open_archive(settings).count_rows() == 0


@pytest.mark.usefixtures("files")
def test_all_events_of_all_files_come_back(settings: StorageSettings) -> None:
    table = open_archive(settings).to_table(columns=RAW_EVENT_SCHEMA.names).sort_by("sequence_number")
    assert RawEvent.from_table(table) == EVENTS


@pytest.mark.usefixtures("files")
def test_the_folders_give_year_month_and_day_of_each_event(settings: StorageSettings) -> None:
    for row in open_archive(settings).to_table(columns=["occurred_at", "yyyy", "mm", "dd"]).to_pylist():
        day = row["occurred_at"]
        assert (row["yyyy"], row["mm"], row["dd"]) == (day.year, day.month, day.day)


@pytest.mark.usefixtures("files")
def test_a_question_about_one_day_opens_the_files_of_that_day_only(settings: StorageSettings) -> None:
    second_day = (pc.field("yyyy") == 2026) & (pc.field("mm") == 3) & (pc.field("dd") == 15)
    archive = open_archive(settings)
    fragments = list(archive.get_fragments(filter=second_day))
    assert [fragment.path.split("/")[1:5] for fragment in fragments] == [
        ["raw_events", "yyyy=2026", "mm=03", "dd=15"],
    ]
    assert archive.count_rows(filter=second_day) == len(EVENTS[1::DAYS])


@pytest.mark.usefixtures("files")
def test_a_reader_that_infers_schema_and_partitions_sees_the_same(
    container: ContainerClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As duckdb, Spark or pandas would: nothing of ours but the files, on a plain file system."""
    folder = tmp_path_factory.mktemp("copy")
    for name in container.list_blob_names():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(container.download_blob(name).readall())
    dataset = ds.dataset(folder / "raw_events", partitioning="hive")
    assert set(dataset.schema.names) == {*RAW_EVENT_SCHEMA.names, "yyyy", "mm", "dd"}
    table = dataset.to_table(filter=pc.field("dd") == 16).sort_by("sequence_number")
    assert RawEvent.from_table(table) == EVENTS[2::DAYS]


def test_a_connection_string_may_leave_the_endpoint_to_its_suffix_as_the_portal_does(settings: StorageSettings) -> None:
    portal = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=aGVsbG8=;EndpointSuffix=core.windows.net"
    files = open_file_system(settings.model_copy(update={"archive_connection_string": SecretStr(portal)}))
    assert files.type_name == "abfs"


def test_in_azure_the_identity_is_the_one_that_is_named() -> None:
    settings = ArchiveSettings.load(archive_account_url="https://acc.blob.core.windows.net", azure_client_id="id-1")
    files = open_file_system(settings)
    assert files.equals(AzureFileSystem("acc", client_id="id-1"))
    assert not files.equals(AzureFileSystem("acc", client_id="id-2"))
