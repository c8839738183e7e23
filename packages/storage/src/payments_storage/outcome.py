"""What became of a delivery."""

from dataclasses import dataclass, field, fields
from typing import Self

from payments_core.event import Rejection
from payments_storage.raw_event_store import ArchiveFile


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of events: `delivered` is the sum of the next seven, always.

    `deferred`: counted, and their archive file is left to the redrive. `failed_before`: quarantined already.
    `dead_lettered`: nothing was stored, and the whole delivery waits in the dead-letter container.
    `parked`: they wait there because the delivery had too many aggregate keys; its other events are stored.
    """

    delivered: int = 0
    archived: int = 0
    deferred: int = 0
    duplicates: int = 0
    failed: int = 0
    failed_before: int = 0
    dead_lettered: int = 0
    parked: int = 0
    metrics: int = 0
    unusable_metrics: int = 0
    redacted: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    files: list[ArchiveFile] = field(default_factory=list)

    def __add__(self, other: Self) -> Self:
        """Of two parts of one delivery."""
        return type(self)(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))
