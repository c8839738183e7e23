"""What a run finds: for each check what was compared, and each difference with what is due and what is there.

Differences are counted without bound, and named up to a limit.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from payments_storage.reconcile.span import Span


class Kind(StrEnum):
    """The kinds of difference, stable for alerts, each with its meaning for people."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    FILE_MISSING = "file_missing", "the manifest has a file that Blob Storage does not have"
    FILE_DIFFERS = "file_differs", "a file is not what the manifest says: size, rows, times, place or position"
    FILE_UNREADABLE = "file_unreadable", "a file is no Parquet file of events"
    ORPHAN_FILE = "orphan_file", "Blob Storage has a file that the manifest does not have"
    PAYLOAD_DIFFERS = "payload_differs", "the columns of an archived event are not what its payload says"
    PAYLOAD_INVALID = "payload_invalid", "the payload of an archived event would be rejected today"
    EVENT_NOT_ARCHIVED = "event_not_archived", "the index has an event that the archive does not have"
    EVENT_NOT_INDEXED = "event_not_indexed", "the archive has an event that the index does not have"
    EVENT_DIFFERS = "event_differs", "archive and index have the event with another payload or enqueue day"
    EVENT_ARCHIVED_TWICE = "event_archived_twice", "the archive has an event more than once"
    METRIC_MISSING = "metric_missing", "a metric of an event is not in dynamic_metrics"
    METRIC_UNEXPECTED = "metric_unexpected", "dynamic_metrics has a metric that no event gives"
    METRIC_DIFFERS = "metric_differs", "a row of dynamic_metrics is not what its event gives"
    PAYMENTS_DIFFER = "payments_differ", "a row of payment_metrics_5m is not the sum of the archive"
    HISTOGRAM_DIFFERS = "histogram_differs", "a row of aggregate_histograms is not the sum of the archive"
    SEQUENCE_GAP = "sequence_gap", "sequence numbers of a partition were never dealt with"
    POSITION_NOT_RECORDED = "position_not_recorded", "an event counts or failed whose sequence number is not recorded"


@dataclass(frozen=True, slots=True)
class Difference:
    """`expected` and `found` are texts for people; None where there is nothing."""

    kind: Kind
    where: str
    expected: str | None = None
    found: str | None = None


@dataclass(slots=True)
class Check:
    """`compared` is what was looked at, by name; `notes` say what was left out and why."""

    title: str
    limit: int
    compared: dict[str, int] = field(default_factory=dict)
    count: int = 0
    named: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def saw(self, what: str, number: int = 1) -> None:
        self.compared[what] = self.compared.get(what, 0) + number

    def differs(self, kind: Kind, where: str, expected: object = None, found: object = None) -> None:
        self.count += 1
        if len(self.named) < self.limit:
            texts = (None if value is None else str(value) for value in (expected, found))
            self.named.append(Difference(kind, where, *texts))

    def differs_unnamed(self, at_least: int) -> None:
        """Rows that differ and are too many to be looked at one by one."""
        self.count += at_least
        self.note("very many rows differ: not all were looked at one by one, and the count is a lower bound")

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


_TITLES: Final = {
    "files": "manifest = files in Blob Storage",
    "payloads": "columns of the archive = payloads",
    "index": "archive = ingested_events",
    "metrics": "metrics of the archive = dynamic_metrics",
    "payments": "sums of the archive = payment_metrics_5m",
    "histograms": "sums of the archive = aggregate_histograms",
    "sequences": "sequence numbers without gaps",
    "orphans": "no file without a manifest row",
}


class Findings:
    """The checks of a run, the causes before their consequences."""

    def __init__(self, span: Span, limit: int) -> None:
        self.span = span
        self.checks = {name: Check(title, limit) for name, title in _TITLES.items()}
        self.seconds = 0.0

    def __getitem__(self, name: str) -> Check:
        return self.checks[name]

    @property
    def count(self) -> int:
        return sum(check.count for check in self.checks.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "from": self.span.start.isoformat(),
            "to": self.span.end.isoformat(),
            "seconds": round(self.seconds, 3),
            "differences": self.count,
            "checks": {
                name: {
                    "title": check.title,
                    "compared": check.compared,
                    "differences": check.count,
                    "named": [
                        {"kind": each.kind.value, "where": each.where, "expected": each.expected, "found": each.found}
                        for each in check.named
                    ],
                    "notes": check.notes,
                }
                for name, check in self.checks.items()
            },
        }
