"""What a run of compaction did, and what it left alone and why."""

from dataclasses import dataclass, field
from typing import Any

from payments_storage.compact.inputs import SmallFile
from payments_storage.compact.output import Output


@dataclass(slots=True)
class Report:
    """Files and bytes before and after; `removed`: originals of earlier runs; `kept`: reason -> paths left alone."""

    days: int = 0
    events: int = 0
    files_before: int = 0
    bytes_before: int = 0
    files_after: int = 0
    bytes_after: int = 0
    removed: int = 0
    kept: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def replaced(self, old: list[SmallFile], new: list[Output]) -> None:
        self.planned(old)
        self.files_after += len(new)
        self.bytes_after += sum(file.bytes for file in new)

    def planned(self, old: list[SmallFile]) -> None:
        self.events += sum(file.rows for file in old)
        self.files_before += len(old)
        self.bytes_before += sum(file.bytes for file in old)

    def keep(self, path: str, reason: str) -> None:
        self.kept.setdefault(reason, []).append(path)

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return self != Report()

    def as_json(self) -> dict[str, Any]:
        numbers = ("days", "events", "files_before", "bytes_before", "files_after", "bytes_after", "removed")
        return {
            **{name: getattr(self, name) for name in numbers},
            "kept": self.kept,
            "notes": self.notes,
            "problems": self.problems,
        }
