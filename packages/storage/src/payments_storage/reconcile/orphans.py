"""Files that no manifest row speaks of: left by attempts that did not commit. They count nowhere and may be removed."""

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Final

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, ContainerClient

from payments_storage.archive_path import day_folder
from payments_storage.connect import Pool, transaction
from payments_storage.errors import blob_errors
from payments_storage.reconcile.findings import Check, Kind
from payments_storage.sql import load_queries

GRACE: Final = timedelta(hours=1)
"""A younger file may belong to a transaction that is about to commit: one attempt takes a minute at most."""
_PAGE: Final = 1000
_SECONDS: Final = 60
_SQL: Final = load_queries("reconcile")


class Orphans:
    """Asks the manifest as it is now, not as it was when the run began."""

    def __init__(self, pool: Pool, container: ContainerClient, now: datetime, *, remove: bool) -> None:
        self._pool = pool
        self._container = container
        self._before = now - GRACE
        self._remove = remove

    def check(self, day: date, check: Check, names: str = "") -> None:
        """Names the orphans in the folder of a day whose names begin so; with `remove` they are gone afterwards."""
        prefix = f"{day_folder(day)}/{names}"
        with blob_errors(f"list {prefix}"):
            for page in self._container.list_blobs(name_starts_with=prefix, results_per_page=_PAGE).by_page():
                blobs = {blob.name: blob for blob in page}
                check.saw("files", len(blobs))
                known = self._known(list(blobs))
                for name, blob in blobs.items():
                    if name not in known:
                        self._judge(blob, check)

    def _known(self, paths: list[str]) -> set[str]:
        with transaction(self._pool, _SECONDS) as connection:
            return {path for (path,) in connection.execute(_SQL["files_known"], {"paths": paths}).fetchall()}

    def _judge(self, blob: BlobProperties, check: Check) -> None:
        if blob.last_modified > self._before:
            check.saw("too young to judge")
            return
        removed = self._remove and self._delete(blob)
        check.differs(Kind.ORPHAN_FILE, blob.name, None, f"{blob.size} bytes{', removed' if removed else ''}")

    def _delete(self, blob: BlobProperties) -> bool:
        """False when somebody has written it anew since it was listed: then it is no orphan any more."""
        with blob_errors(f"remove {blob.name}"), suppress(ResourceModifiedError, ResourceNotFoundError):
            self._container.delete_blob(blob.name, etag=blob.etag, match_condition=MatchConditions.IfNotModified)
            return True
        return False
