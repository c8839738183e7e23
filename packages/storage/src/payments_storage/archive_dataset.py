"""The archive as any reader sees it: a Hive-partitioned Parquet data set, through pyarrow's Azure file system."""

from typing import Final
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.dataset as ds
from azure.storage.blob import BlobServiceClient
from pyarrow.fs import AzureFileSystem, FileSelector, FileType

from payments_storage.archive_path import ROOT
from payments_storage.raw_event import RAW_EVENT_SCHEMA
from payments_storage.settings import ArchiveSettings

PARTITIONING: Final = ds.partitioning(
    pa.schema([("yyyy", pa.int16()), ("mm", pa.int8()), ("dd", pa.int8())]), flavor="hive"
)


def open_file_system(settings: ArchiveSettings) -> AzureFileSystem:
    """The storage account, by the identity of this process or by connection string."""
    if settings.archive_connection_string is None:
        account = urlsplit(settings.archive_account_url or "").netloc.split(".")[0]
        return AzureFileSystem(account, client_id=settings.azure_client_id)
    text = settings.archive_connection_string.get_secret_value()
    service = BlobServiceClient.from_connection_string(text)
    endpoint = urlsplit(service.url)
    return AzureFileSystem(
        service.account_name,
        account_key=dict(part.split("=", 1) for part in text.split(";") if part)["AccountKey"],
        blob_storage_authority=endpoint.netloc,
        blob_storage_scheme=endpoint.scheme,
        # Asked only whether the account has folders of its own; Azurite answers at the same address.
        dfs_storage_authority=endpoint.netloc.replace(".blob.", ".dfs.", 1),
        dfs_storage_scheme=endpoint.scheme,
    )


def archive_files(settings: ArchiveSettings) -> dict[str, int]:
    """Path in the container -> bytes, for every file of the archive, sorted."""
    selector = FileSelector(f"{settings.archive_container}/{ROOT}", recursive=True, allow_not_found=True)
    infos = sorted(open_file_system(settings).get_file_info(selector), key=lambda info: info.path)
    prefix = f"{settings.archive_container}/"
    return {info.path.removeprefix(prefix): info.size for info in infos if info.type == FileType.File}


def open_archive(settings: ArchiveSettings) -> ds.Dataset:
    """All files, whether the manifest knows them or not; rows have RAW_EVENT_SCHEMA, yyyy, mm and dd."""
    paths = [f"{settings.archive_container}/{path}" for path in archive_files(settings)]
    fields = [*RAW_EVENT_SCHEMA, *PARTITIONING.schema]
    return ds.dataset(
        paths,
        schema=pa.schema(fields),
        format="parquet",
        filesystem=open_file_system(settings),
        partitioning=PARTITIONING,
        partition_base_dir=f"{settings.archive_container}/{ROOT}",
    )
