"""`payments reconcile`: proves that archive, index, metrics and aggregates tell the same story, or says where not."""

import json
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

import typer
from pydantic import Field
from rich.console import Console
from rich.table import Table

from payments.errors import Status, UserError
from payments.failed.text import safe
from payments.local.services import use_local_services_if_unset
from payments.meter import Meter
from payments_storage.pipeline import Pipeline
from payments_storage.pipeline_settings import PipelineSettings
from payments_storage.reconcile.findings import Check, Findings
from payments_storage.reconcile.reconcile import NAMED_AT_MOST, Kept, Reconciler
from payments_storage.reconcile.span import Span, SpanError

_WIDTH: Final = 160  # where the output is no terminal
_DAY: Final = timedelta(days=1)


class _Settings(PipelineSettings):
    metrics_retention_days: int = Field(90, ge=8, description="days for which dynamic_metrics is kept")


def reconcile(
    *,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="UTC day, or RFC 3339 time at whole 5 minutes. Default: yesterday."
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="The first moment after it. Default: a day after --from.")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Remove files that no manifest row speaks of.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="Differences to name for each check; all are counted.")] = (
        NAMED_AT_MOST
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Report on standard output as JSON.")] = False,
) -> None:
    """Prove that archive, manifest, index, metrics and aggregates agree on the events of a range, by occurred_at.

    Whole days are compared completely: the index knows no time but the day. Of a part of a day the index is asked
    for each archived event, and orphan files are not looked for. Exit status 1 means that something differs.

    Example: payments reconcile --from 2026-11-01 --to 2026-11-08
    """
    span = _span(start, end)
    use_local_services_if_unset()
    settings = _Settings.load()
    kept = Kept(settings.dedup_window_days, settings.metrics_retention_days)
    with Meter("reconcile") as meter, Pipeline(settings) as pipeline:
        reconciler = Reconciler(pipeline, kept, progress=lambda events, what: meter.show(events, events, None, what))
        findings = reconciler.run(span, fix=fix, limit=limit)
    if as_json:
        print(json.dumps(findings.as_json(), indent=2))
    else:
        _print(findings)
    if findings.count:
        raise typer.Exit(Status.FOUND_WRONG)


def _span(start: str | None, end: str | None) -> Span:
    if start is None and end is not None:
        raise UserError("--to needs --from. Without both, yesterday is reconciled.", Status.WRONG_USAGE)
    try:
        if start is None:
            return Span.of_day(datetime.now(UTC).date() - _DAY)
        first = _moment(start)
        return Span(first, first + _DAY if end is None else _moment(end))
    except (SpanError, OverflowError) as error:
        raise UserError(f"This range cannot be reconciled: {error}.", Status.WRONG_USAGE) from None


def _moment(text: str) -> datetime:
    try:
        return Span.of_day(date.fromisoformat(text)).start
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = f"{text!r} is neither a day such as 2026-11-01 nor a time such as 2026-11-01T12:00:00Z."
        raise UserError(message, Status.WRONG_USAGE)
    return moment.astimezone(UTC)


def _print(findings: Findings) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    table = Table(title=f"Reconciled {findings.span}", title_justify="left", title_style="bold")
    for name in ("must agree", "compared", ""):
        table.add_column(name)
    for check in findings.checks.values():
        verdict = (
            f"[bold red]{check.count:,} DIFFER[/]" if check.count else "[green]agrees[/]" if check.compared else "-"
        )
        table.add_row(check.title, _compared(check), verdict)
    console.print(table)
    for check in findings.checks.values():
        _print_differences(console, check)
    for note in dict.fromkeys(note for check in findings.checks.values() for note in check.notes):
        console.print(f"Note: {note}", markup=False)
    verdict = f"{findings.count:,} differences" if findings.count else "No difference"
    console.print(f"{verdict} in {findings.seconds:,.1f} s, recomputed with the metric rules and windows of today.")


def _compared(check: Check) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in check.compared.items())


def _print_differences(console: Console, check: Check) -> None:
    if not check.count:
        return
    console.print(f"\n{check.title}: {check.count:,} differ", style="bold")
    for each in check.named:
        sides = [f"expected {each.expected}" if each.expected else "", f"found {each.found}" if each.found else ""]
        # Names of events stand in it, and must not drive the terminal.
        console.print(safe(f"  {each.kind.value}  {each.where}: {', '.join(filter(None, sides))}"), markup=False)
    if check.count > len(check.named):
        console.print(f"  and {check.count - len(check.named):,} more (--limit)")
