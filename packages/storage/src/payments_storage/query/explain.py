"""What answering a question took: the files looked at, what ruled the others out, and the bytes read."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Explain:
    """Counts up while the answer is read; complete at its end. Bytes are those of the ranges asked for."""

    source: str = ""
    files_in_archive: int | None = None
    """None without a manifest: folders of other days are not listed."""
    files_of_days: int = 0
    bytes_of_days: int = 0
    pruned_by_times: int = 0
    pruned_by_metrics: int = 0
    files_opened: int = 0
    pruned_by_statistics: int = 0
    """Files of which no row group can have an event that is wanted."""
    row_groups: int = 0
    row_groups_pruned_by_statistics: int = 0
    row_groups_pruned_by_bloom_filter: int = 0
    row_groups_without_a_match: int = 0
    """Only the columns of the conditions were read of these."""
    row_groups_read: int = 0
    bytes_read: int = 0
    events: int = 0
    repeats_dropped: int = 0
    waiting: int = 0
    """Events that count and wait for their archive file (failed_items, stage archive): they cannot be in the answer."""

    @property
    def pruned_by_day(self) -> int | None:
        return None if self.files_in_archive is None else self.files_in_archive - self.files_of_days

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "pruned_by_day": self.pruned_by_day}
