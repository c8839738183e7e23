"""What compaction asks of the manifest and changes in it; the SQL stands in queries/compact.sql."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from payments_storage.compact.inputs import SMALL_BYTES, SmallFile
from payments_storage.compact.output import Output
from payments_storage.connect import Pool, transaction
from payments_storage.sql import load_queries

_SQL: Final = load_queries("compact")
_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class HubDay:
    """What is compacted together: a file has the events of one hub and one UTC day."""

    day: date
    event_hub: str

    @property
    def start(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.day} of {self.event_hub}"


@dataclass(frozen=True, slots=True)
class Made:
    """A file of a compaction; it may have been merged again since."""

    path: str
    bytes: int
    event_hub: str
    state: str


class Manifest:
    """Raises StorageError."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def days(self, least: int, start: datetime | None, end: datetime | None) -> list[HubDay]:
        """Those with at least so many files of batches that begin in the range."""
        parameters = {"least": least, "start": start, "end": end}
        with transaction(self._pool, _SECONDS) as connection:
            return [HubDay(*row) for row in connection.execute(_SQL["days"], parameters).fetchall()]

    def small_files(self, day: HubDay) -> list[SmallFile]:
        parameters = {"event_hub": day.event_hub, "start": day.start, "end": day.end, "small": SMALL_BYTES}
        with transaction(self._pool, _SECONDS) as connection:
            return [SmallFile(*row) for row in connection.execute(_SQL["small_files"], parameters).fetchall()]

    def swap(self, day: HubDay, compaction: UUID, old: list[str], new: list[Output]) -> bool:
        """The new files count instead of the old ones; False, and nothing has changed, where somebody was faster."""
        parameters = {
            "event_hub": day.event_hub,
            "compaction": compaction,
            "paths": old,
            "new_paths": [file.path for file in new],
            "rows": [file.rows for file in new],
            "bytes": [file.bytes for file in new],
            "min_occurred_at": [file.min_occurred_at for file in new],
            "max_occurred_at": [file.max_occurred_at for file in new],
        }
        with transaction(self._pool, _SECONDS) as connection:
            counting = connection.execute(_SQL["lock_files"], {"paths": old}).fetchall()
            if len(counting) < len(old):
                return False
            connection.execute(_SQL["swap"], parameters)
        return True

    def due(self, before: datetime) -> tuple[UUID, list[str]] | None:
        """A compaction whose originals were replaced before then, and those of them that are still there."""
        with transaction(self._pool, _SECONDS) as connection:
            found = connection.execute(_SQL["due_compaction"], {"before": before}).fetchall()
            if not found:
                return None
            parameters = {"compaction": found[0][0], "before": before}
            return found[0][0], [path for (path,) in connection.execute(_SQL["replaced_files"], parameters).fetchall()]

    def made(self, compaction: UUID) -> list[Made]:
        with transaction(self._pool, _SECONDS) as connection:
            rows = connection.execute(_SQL["made_files"], {"compaction": compaction}).fetchall()
        return [Made(*row) for row in rows]

    def removed(self, paths: list[str]) -> None:
        with transaction(self._pool, _SECONDS) as connection:
            connection.execute(_SQL["removed"], {"paths": paths})

    def kept(self, paths: list[str], now: datetime) -> None:
        """They are due again a grace period from now."""
        with transaction(self._pool, _SECONDS) as connection:
            connection.execute(_SQL["kept"], {"paths": paths, "now": now})
