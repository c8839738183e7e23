"""Which files can have the answer, a UTC day after the other: by the manifest, or by the folders alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Protocol

from azure.storage.blob import BlobPrefix, ContainerClient
from psycopg import Connection

from payments_storage.archive_path import ROOT, day_folder
from payments_storage.connect import set_deadline
from payments_storage.errors import blob_errors, database_errors
from payments_storage.query.explain import Explain
from payments_storage.query.wanted import Wanted
from payments_storage.sql import load_queries

_SQL: Final = load_queries("query")
_FOLDER: Final = re.compile(r"/(yyyy=[0-9]{4}|mm=(0[1-9]|1[0-2])|dd=(0[1-9]|[12][0-9]|3[01]))/$")
_MONTH: Final = timedelta(days=30)
_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may have wanted events: between these moments, where they are known. `rows` as the manifest says."""

    path: str
    bytes: int
    rows: int | None = None
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """The candidates of a day, the earliest first. `total` is how many events the day has, where that is known."""

    day: date
    total: int | None
    files: list[Candidate]


class Files(Protocol):
    """Where candidates come from."""

    exact: bool
    """Whether each event is in one file only: if not, repeats must be dropped by id."""

    def days(self, wanted: Wanted, explain: Explain) -> Iterator[Day]: ...

    def counts(self, path: str) -> bool:
        """Whether this file surely is part of the archive now."""
        ...


class Manifest:
    """By PostgreSQL: exact. A day's files are asked for when their turn comes, so a long scan is safe from swaps."""

    exact = True

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def days(self, wanted: Wanted, explain: Explain) -> Iterator[Day]:
        explain.source = "the manifest in PostgreSQL: exact"
        span = {"start": wanted.start, "end": wanted.end}
        with database_errors(), self._connection.transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            days = self._rows("days", **span)
            ((explain.files_in_archive,),) = self._rows("count_files")
            ids = {"transaction_id": wanted.transaction_id, "event_id": wanted.event_id}
            ((all_waiting, explain.waiting),) = self._rows("waiting", **ids)
            moments = self._moments(wanted, days) if all_waiting == 0 else {}
        for day, files, events, size in days:
            explain.files_of_days += files
            explain.bytes_of_days += size
            known = moments.get(day)
            candidates = [] if known == [] else self._candidates(day, known, span)
            if known is None:
                explain.pruned_by_times += files - len(candidates)
            else:
                explain.pruned_by_metrics += files - len(candidates)
            yield Day(day, events, candidates)

    def _moments(self, wanted: Wanted, days: list[tuple[Any, ...]]) -> dict[date, list[datetime]]:
        """Day -> when events of the transaction occurred, for the days of which the metrics surely know."""
        if wanted.transaction_id is None or not days:
            return {}
        measured = dict(self._rows("measured_days", days=[day for day, *_ in days]))
        moments: dict[date, list[datetime]] = {day: [] for day, _, events, _ in days if measured.get(day) == events}
        for (moment,) in self._rows("moments_of_transaction", transaction_id=wanted.transaction_id):
            moments.get(moment.astimezone(UTC).date(), []).append(moment)
        return moments

    def _candidates(self, day: date, moments: list[datetime] | None, span: dict[str, Any]) -> list[Candidate]:
        with database_errors():
            rows = self._rows("files", day=day, moments=moments, **span)
        if moments is None:
            return [Candidate(path, size, count) for path, count, size, _, _ in rows]
        found = []
        for path, count, size, first, last in rows:
            within = [moment for moment in moments if first <= moment <= last]
            found.append(Candidate(path, size, count, min(within), max(within)))
        return found

    def counts(self, path: str) -> bool:
        with database_errors():
            return self._rows("still_active", path=path) == [(True,)]

    def _rows(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        set_deadline(self._connection, _SECONDS)
        return self._connection.execute(_SQL[statement], parameters).fetchall()


class Folders:
    """By the blobs alone: every Parquet file in the folders of the days, whether it counts or not."""

    exact = False

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    def days(self, wanted: Wanted, explain: Explain) -> Iterator[Day]:
        explain.source = "the blobs alone, without PostgreSQL: repeats dropped by event id"
        for day in self._days(wanted):
            prefix = f"{day_folder(day)}/"
            with blob_errors(f"list {prefix}"):
                blobs = [Candidate(blob.name, blob.size) for blob in self._container.list_blobs(prefix)]
            files = [blob for blob in blobs if blob.path.endswith(".parquet")]
            explain.files_of_days += len(files)
            explain.bytes_of_days += sum(file.bytes for file in files)
            yield Day(day, None, files)

    def _days(self, wanted: Wanted) -> Iterator[date]:
        """The days that have a folder; years and months outside the range are not looked into."""
        for year in self._folders(f"{ROOT}/"):
            y = _number(year)
            if not wanted.touches(date(y, 1, 1), date(y, 12, 31)):
                continue
            for month in self._folders(year):
                first = date(y, _number(month), 1)
                if not wanted.touches(first, first + _MONTH):
                    continue
                days = [first.replace(day=_number(folder)) for folder in self._folders(month)]
                yield from (day for day in days if wanted.touches(day, day))

    def _folders(self, prefix: str) -> list[str]:
        with blob_errors(f"list {prefix}"):
            found = self._container.walk_blobs(prefix)
            return [each.name for each in found if isinstance(each, BlobPrefix) and _FOLDER.search(each.name)]

    def counts(self, path: str) -> bool:  # noqa: ARG002 - nothing says so here
        return False


def _number(folder: str) -> int:
    """`.../mm=03/` -> 3"""
    return int(folder.rstrip("/").rpartition("=")[2])
