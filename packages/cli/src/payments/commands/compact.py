"""`payments events compact`: merges the many small files of a day into few large ones."""

import json
import math
from datetime import timedelta
from typing import Annotated, Final

import typer

from payments.days import day_range
from payments.errors import Status
from payments.local.services import use_local_services_if_unset
from payments.meter import Meter
from payments_storage.compact.compact import Compactor
from payments_storage.compact.removal import Removal
from payments_storage.compact.report import Report
from payments_storage.pipeline import Pipeline
from payments_storage.timers import HostSettings

_NAMED: Final = 3
_MIB: Final = 1 << 20


def compact(
    *,
    start: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First UTC day. Default: all days.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="The day after the last. Default: one day.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be merged, and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report on standard output as JSON.")] = False,
) -> None:
    """Merge the small files of the archive into files of about 128 MB; remove originals whose time is over.

    An hourly timer of the function app does it too; both may run at once. Events stay what they are, and
    count once at any moment. Originals lie there for COMPACTION_GRACE_HOURS, for readers that had begun.
    Exit status 1 means that originals were kept because a new file is missing.

    Example: payments events compact --from 2026-11-01 --to 2026-12-01
    """
    days = day_range(start, end)
    use_local_services_if_unset()
    settings = HostSettings.load()
    report = Report()
    with Meter("compact") as meter, Pipeline(settings) as pipeline:
        compactor = Compactor(
            pipeline.pool,
            pipeline.container,
            pipeline.file_system,
            progress=lambda events, what: meter.show(events, events, None, what),
        )
        first, after = days or (None, None)
        compactor.run(report, start=first, end=after, dry_run=dry_run)
        if not dry_run:
            grace = timedelta(hours=settings.compaction_grace_hours)
            Removal(pipeline.pool, pipeline.container, grace).run(report, math.inf)
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        _print(report, dry_run=dry_run)
    if report.problems:
        raise typer.Exit(Status.FOUND_WRONG)


def _print(report: Report, *, dry_run: bool) -> None:
    before = f"{report.events:,} events in {report.files_before:,} files ({report.bytes_before / _MIB:,.1f} MiB)"
    if dry_run:
        print(f"Would merge {before}, of {report.days} days.")
    elif report.files_after:
        print(f"Merged {before} into {report.files_after:,} files ({report.bytes_after / _MIB:,.1f} MiB).")
    else:
        print("Nothing to merge.")
    if report.removed:
        print(f"Removed {report.removed:,} originals of earlier compactions.")
    for reason, paths in report.kept.items():
        more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
        print(f"Left alone, {reason}: {', '.join(paths[:_NAMED])}{more}")
    for line in report.notes:
        print(f"Note: {line}")
    for line in report.problems:
        print(f"Problem: {line}")
