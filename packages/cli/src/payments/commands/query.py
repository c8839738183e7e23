"""`payments events query`: answers an auditor from the archive, by time, transaction and other conditions."""

import json
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import pyarrow as pa
import typer
from azure.storage.blob import RehydratePriority

from payments.archive.explained import plan, summary
from payments.archive.formats import Format, open_writer
from payments.archive.options import columns_of, wanted_of
from payments.archive.target import STDOUT, opened
from payments.archive.waiting import bring_back, explanation
from payments.errors import Status, UserError
from payments.local.services import use_local_services_if_unset
from payments.meter import Meter
from payments_storage.errors import DatabaseUnavailableError
from payments_storage.query.explain import Explain
from payments_storage.query.problems import ArchivedFileError
from payments_storage.query.query import ArchiveQuery
from payments_storage.query.rehydrate import find_archived
from payments_storage.query.wanted import Wanted
from payments_storage.raw_event import RAW_EVENT_SCHEMA
from payments_storage.settings import ArchiveSettings, StorageSettings

_SHOWN_AT_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the answer goes, and how much of it."""

    format: Format
    output: Path
    columns: list[str]
    limit: int | None


class Urgency(StrEnum):
    """`--priority`."""

    STANDARD = "standard"
    HIGH = "high"


def query(
    *,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="UTC day, or RFC 3339 time with any offset.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="The first moment after it. Default: a day after --from.")
    ] = None,
    transaction_id: Annotated[str | None, typer.Option(metavar="ID", help="Of this transaction.")] = None,
    event_id: Annotated[str | None, typer.Option(metavar="UUID", help="The event of this id.")] = None,
    correlation_id: Annotated[str | None, typer.Option(metavar="UUID", help="Of this correlation id.")] = None,
    merchant_id: Annotated[str | None, typer.Option(metavar="ID", help="Of this merchant.")] = None,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="With this payment_status.")] = None,
    min_amount: Annotated[str | None, typer.Option(metavar="AMOUNT", help="Or more, of any currency.")] = None,
    max_amount: Annotated[str | None, typer.Option(metavar="AMOUNT", help="Or less.")] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Only these. Default: all; of a table those that fit.")
    ] = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="A table shows 100 events at most, unless --limit says more.")
    ] = Format.TABLE,
    output: Annotated[Path, typer.Option("--output", "-o", help="A file, or - for standard output.")] = STDOUT,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many events.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what was read, and what spared the rest.")] = False,
    without_postgres: Annotated[
        bool, typer.Option("--without-postgres", help="From the blobs alone; repeats are dropped by event id.")
    ] = False,
    rehydrate: Annotated[bool, typer.Option("--rehydrate", help="Ask for files that are in the archive tier.")] = False,
    priority: Annotated[Urgency, typer.Option(help="Of --rehydrate: high costs several times as much.")] = (
        Urgency.STANDARD
    ),
    wait: Annotated[bool, typer.Option("--wait", help="Wait until they are there, and go on.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report on standard output as JSON; needs --output.")] = False,
) -> None:
    """Find events in the archive by occurred_at and other conditions, all of which must hold.

    Without --from and --to the whole archive is asked, which takes an id. With PostgreSQL the answer is exact, by the
    manifest; --without-postgres needs the blobs only. Exit status 1: files could not be read, so events are missing
    (a file so far written is called NAME.incomplete), or must be rehydrated first. See docs/archive.md.

    Example: payments events query --from 2026-11-01 --to 2026-11-02 --merchant-id m_17 --format csv -o day.csv
    """
    _check(output_format, output, as_json=as_json)
    wanted = wanted_of(
        start=start,
        end=end,
        transaction_id=transaction_id,
        event_id=event_id,
        correlation_id=correlation_id,
        merchant_id=merchant_id,
        status=status,
        min_amount=min_amount,
        max_amount=max_amount,
    )
    if output_format is Format.TABLE and limit is None:
        limit = _SHOWN_AT_MOST
    target = _Target(output_format, output, columns_of(columns, output_format), limit)
    use_local_services_if_unset()
    settings = ArchiveSettings.load() if without_postgres else StorageSettings.load()
    found = Explain()
    started = time.monotonic()
    try:
        with Meter("query") as meter, ArchiveQuery.open(settings) as archive:
            if rehydrate or wait:
                chosen = RehydratePriority[priority.name] if rehydrate else None
                bring_back(archive, wanted, priority=chosen, wait=wait, say=meter.say)
            try:
                more = _write(archive, wanted, found, target, meter)
            except ArchivedFileError:
                raise UserError(explanation(archive, find_archived(archive, wanted))) from None
    except DatabaseUnavailableError as error:
        raise UserError(f"{error}\n--without-postgres asks the blobs alone.") from None
    seconds = time.monotonic() - started
    if as_json:
        print(json.dumps({"output": str(output), "seconds": round(seconds, 3), "more": more, **found.as_json()}))
        return
    print(summary(found, seconds, more=more), file=sys.stderr)
    if explain:
        print(plan(found), file=sys.stderr)


def _write(archive: ArchiveQuery, wanted: Wanted, explain: Explain, target: _Target, meter: Meter) -> bool:
    """Returns whether there are more events than were written."""
    schema = pa.schema([RAW_EVENT_SCHEMA.field(name) for name in target.columns])
    left = target.limit
    with opened(target.output) as file:
        writer = open_writer(target.format, file, schema)
        try:
            for batch in archive.query(wanted, target.columns, explain):
                writer.write(batch if left is None else batch.slice(0, left))
                meter.show(explain.events, explain.events, None, f"{explain.files_opened:,} files")
                if left is not None:
                    left -= batch.num_rows
                    if left < 0:
                        explain.events += left
                        return True
        finally:
            writer.close()
    return False


def _check(output_format: Format, output: Path, *, as_json: bool) -> None:
    if as_json and output == STDOUT:
        raise UserError("--json would mix with the events on standard output. Add --output FILE.", Status.WRONG_USAGE)
    if output_format is Format.PARQUET and output == STDOUT:
        raise UserError("Parquet is no text for a terminal. Add --output FILE.", Status.WRONG_USAGE)
