"""What a compaction has done, as a blob beside the archive: for whoever has the blobs and no PostgreSQL.

It is written after the manifest was changed and before any original is removed. So where there is none, the originals
are there and count; where there is one, its files count and what it replaced does not.
"""

import json
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient, ContentSettings

from payments_storage.errors import blob_errors

FOLDER: Final = "compactions"
_JSON: Final = ContentSettings(content_type="application/json")


@dataclass(frozen=True, slots=True)
class Note:
    """`made` and `replaced` are paths in the container."""

    compaction: UUID
    event_hub: str
    made: list[str]
    replaced: list[str]

    @property
    def path(self) -> str:
        """Beside the day of its files: compactions/yyyy=/mm=/dd=/ID.json."""
        return note_path(self.made[0], self.compaction)

    def write(self, container: ContainerClient) -> None:
        """Two that write the same note do no harm."""
        fields = {
            "compaction": str(self.compaction),
            "event_hub": self.event_hub,
            "made": self.made,
            "replaced": self.replaced,
        }
        with blob_errors(f"write {self.path}"):
            container.upload_blob(self.path, json.dumps(fields).encode(), overwrite=True, content_settings=_JSON)

    @classmethod
    def read(cls, container: ContainerClient, path: str) -> Self | None:
        """None where there is none."""
        with blob_errors(f"read {path}"):
            try:
                fields = json.loads(container.download_blob(path).readall())
            except ResourceNotFoundError:
                return None
        return cls(UUID(fields["compaction"]), fields["event_hub"], fields["made"], fields["replaced"])


def note_path(made: str, compaction: UUID) -> str:
    """Of the compaction that made this file."""
    _, *folders, _ = made.split("/")
    return "/".join([FOLDER, *folders, f"{compaction}.json"])
