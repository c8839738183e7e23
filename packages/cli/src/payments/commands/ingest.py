"""`payments ingest`: NDJSON files through the function's own handler, as the Functions host would deliver them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from payments.errors import Status, UserError
from payments.host.dispatch import INTERRUPTED
from payments.host.function import FOLDER
from payments.host.known import enqueue_time_of, failures_of
from payments.host.report import HostReport, Progress, SourceReport
from payments.host.run import DEFAULT_PARTITIONS, DEFAULT_WORKERS, run_host
from payments.host.source import STDIN
from payments.local.services import use_local_services_if_unset
from payments.meter import Meter
from payments_storage.settings import SettingsError, StorageSettings

_INTERRUPTED_STATUS: Final = 130
# Nobody else waits for this partition: a file of years is stored here and now, and not left to a redrive.
_DEFAULTS: Final = {"KEYS_PER_DELIVERY": "1000000"}


def ingest(
    *,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="NDJSON files; - is standard input.")],
    partitions: Annotated[
        int, typer.Option(min=1, max=1024, help="Partitions of the event hub. For a file that comes again: the same.")
    ] = DEFAULT_PARTITIONS,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Events a batch at most. Default: maxEventBatchSize of host.json.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = DEFAULT_WORKERS,
    max_retries: Annotated[
        int | None, typer.Option(min=0, help="Give up after so many retries of a batch. Default: never, as in Azure.")
    ] = None,
    function_folder: Annotated[Path, typer.Option(help="The function app.", show_default=False)] = FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Report on standard output as JSON.")] = False,
) -> None:
    """Ingest files of payment events, one JSON object a line.

    Ingesting a file again changes nothing, and completes what an interrupted run left out. Lines that are no valid
    event end up in failed_items.

    Example: payments ingest events.ndjson
    """
    if files.count(STDIN) > 1:
        raise UserError("Standard input can be read once only: name - once.", Status.WRONG_USAGE)
    use_local_services_if_unset()
    try:
        StorageSettings.load()
    except SettingsError as error:
        raise UserError(str(error), Status.WRONG_USAGE) from error
    with Meter("ingest") as meter:

        def show(progress: Progress) -> None:
            meter.show(progress.events, progress.done_bytes, progress.total_bytes, progress.source)

        report = run_host(
            files,
            function_folder=function_folder,
            partitions=partitions,
            workers=workers,
            batch_size=batch_size,
            max_retries=max_retries,
            enqueue_time_of=enqueue_time_of,
            defaults=_DEFAULTS,
            progress=show,
            warn=meter.say,
        )
    failures = failures_of([source.hub_name for source in report.sources])
    if as_json:
        print(json.dumps({**asdict(report), "failed_items": failures}, indent=2))
    else:
        _print(report, failures)
    _end(report)


def _print(report: HostReport, failures: dict[str, int]) -> None:
    latency = ", ".join(f"{name} {ms:,.1f} ms" for name, ms in report.latency_ms.items())
    print(
        f"{report.events:,} events in {report.batches:,} batches, {report.retries:,} retries, {report.seconds:,.1f} s: "
        f"{report.events_per_second:,.0f} events/s. Function latency: {latency}."
    )
    if failures:
        reasons = ", ".join(f"{count:,} {code}" for code, count in failures.items())
        print(f"{sum(failures.values()):,} of them are in failed_items: {reasons}.")


def _end(report: HostReport) -> None:
    if report.stopped is None:
        return
    unfinished = "\n".join(_how_far(source) for source in report.sources if not source.complete)
    message = f"Stopped: {report.stopped}\n{unfinished}\nIngest again to go on: what is stored already counts once."
    if report.stopped != INTERRUPTED:
        raise UserError(message)
    typer.echo(f"payments: {message}", err=True)
    raise typer.Exit(_INTERRUPTED_STATUS)


def _how_far(source: SourceReport) -> str:
    partitions = ", ".join(f"{number}: {done:,}" for number, done in enumerate(source.partitions))
    return f"{source.source}: events taken by partition: {partitions}."
