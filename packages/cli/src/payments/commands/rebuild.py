"""`payments rebuild`: tables computed anew from the archive."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from payments.days import day_range
from payments.errors import Status, UserError
from payments.local.services import use_local_services_if_unset
from payments.meter import Meter
from payments_storage.pipeline import Pipeline
from payments_storage.rebuild.rebuild import Rebuild
from payments_storage.rebuild.recover import Recovered, Recovery
from payments_storage.rebuild.task import TABLES, RebuildReport, RebuildTask
from payments_storage.reconcile.span import Span, SpanError
from payments_storage.timers import HostSettings


def rebuild(
    *,
    start: Annotated[str, typer.Option("--from", metavar="DAY", help="First UTC day of occurred_at.")],
    end: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="The day after the last. Default: one day.")
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option("--table", help=f"Repeat it for several. Default: {', '.join(TABLES)}.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the differences, and change nothing.")] = False,
    lost_database: Annotated[
        bool,
        typer.Option("--lost-database", help="Take in every file that the manifest does not have, into all tables."),
    ] = False,
    event_hub: Annotated[
        str | None,
        typer.Option(envvar="EVENTHUB_NAME", help="With --lost-database: the hub that the events came from."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report on standard output as JSON.")] = False,
) -> None:
    """Compute aggregates and metrics of whole UTC days anew from the archive, by the rules and windows of today.

    It shows what differs and puts the new rows in the place of the old ones, in one transaction, while ingest goes
    on. With --lost-database it fills an empty database: manifest, index, sequence numbers, metrics and aggregates
    (docs/rebuild.md).

    The login is that of POSTGRES_OPERATOR_DSN, else of POSTGRES_DSN, and must be a member of payments_operator; with
    --lost-database payments_writer is enough. The local services name it, and so does the job `operate` in Azure.

    Example: payments rebuild --from 2026-11-01 --to 2026-11-08 --dry-run
    """
    span = _span(start, end)
    if lost_database and (dry_run or table):
        raise UserError("--lost-database fills all tables: leave --dry-run and --table away.", Status.WRONG_USAGE)
    unknown = set(table or ()) - set(TABLES)
    if unknown:
        raise UserError(f"{min(unknown)!r} cannot be rebuilt; {', '.join(TABLES)} can.", Status.WRONG_USAGE)
    use_local_services_if_unset()
    settings = _settings()
    with Meter("rebuild") as meter, Pipeline(settings) as pipeline:

        def progress(events: int, what: str) -> None:
            meter.show(events, events, None, what)

        if lost_database:
            if event_hub is None:
                raise UserError("Which hub did the events come from? Add --event-hub NAME.", Status.WRONG_USAGE)
            kept_from = datetime.now(UTC).date() - timedelta(days=settings.metrics_retention_days)
            recovery = Recovery(pipeline, event_hub, kept_from, progress=progress)
            _report_recovery(recovery.run(span.start.date(), span.end.date()), as_json=as_json)
            return
        try:
            task = RebuildTask(span, frozenset(table or TABLES), pipeline.windows)
        except SpanError as error:
            raise UserError(f"This range cannot be rebuilt: {error}.", Status.WRONG_USAGE) from None
        _report(Rebuild(pipeline, task, progress=progress).run(dry_run=dry_run), span, as_json=as_json)


def _settings() -> HostSettings:
    operator = os.environ.get("POSTGRES_OPERATOR_DSN")
    return HostSettings.load(**({"postgres_dsn": operator} if operator else {}))


def _span(start: str, end: str | None) -> Span:
    days = day_range(start, end)
    assert days is not None  # noqa: S101 - --from is required
    return Span(*days)


def _report(report: RebuildReport, span: Span, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
        return
    for table, count in report.differences.items():
        print(f"{table}: {count:,} differences")
        for row, now, new in report.named[table]:
            print(f"  {row}: {now or 'nothing'} -> {new or 'nothing'}")
        if count > len(report.named[table]):
            print(f"  and {count - len(report.named[table]):,} more")
    for note in report.notes:
        print(f"Note: {note}")
    print(f"{report.events:,} events of {span}, and {report.while_under_way:,} that came meanwhile.")
    print("The new rows are in place." if report.swapped else "Nothing was changed (--dry-run).")


def _report_recovery(report: Recovered, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(report), indent=2))
    else:
        print(f"Took in {report.events:,} events of {report.files:,} files.")
        for what, paths in (
            ("repeat what other files have, and do not count", report.repeats),
            ("had events of their own beside such: these are in new files", report.parts),
            ("are no files of events", report.unreadable),
        ):
            if paths:
                print(f"{len(paths):,} files {what}, such as {paths[0]}")
        print("Now: payments reconcile --fix for the same range.")
    if report.unreadable:
        raise typer.Exit(Status.FOUND_WRONG)
