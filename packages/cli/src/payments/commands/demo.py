"""`payments demo`: the main job from beginning to end on local services, shown to a person."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import psycopg
import typer
from rich.console import Console

from payments.demo.books import check_books
from payments.demo.show import show_archive, show_checks, show_result
from payments.errors import UserError
from payments.host.report import HostReport
from payments.host.run import run_host
from payments.local.migrate import migrate
from payments.local.place import LOCAL
from payments.local.services import start_clean
from payments.meter import Meter
from payments.produce.stream import Counts, Recipe, lines
from payments_storage.archive_dataset import archive_files, open_archive
from payments_storage.report import report
from payments_storage.settings import StorageSettings

_WIDTH: Final = 130  # where the output is no terminal
_TABLES: Final = {
    "failures": "failed_items, by reason",
    "events_by_day": "ingested_events, the days with the most",
    "top_files": "raw_event_files, the largest",
    "top_payments": "payment_metrics_5m, the busiest windows",
    "top_histograms": "aggregate_histograms, percentiles over all hours",
    "some_metrics": "dynamic_metrics, of one transaction",
}


def demo(
    *,
    events: Annotated[int, typer.Option(min=1000, help="How many events to produce.")] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed produces the same traffic.")] = 1,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of the event hub.")] = 8,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
) -> None:
    """Show the main job: events in; archive, metrics and aggregates out; and the books that agree.

    Empties this clone's local services first, and leaves them running for a look around.

    Example: payments demo --events 50000
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    with _step(console, "Start PostgreSQL and Azurite, empty"):
        services = start_clean()
        os.environ.update(services.settings())
        migrate(os.environ["POSTGRES_MIGRATOR_DSN"])
    source = LOCAL / "demo.ndjson"
    source.parent.mkdir(exist_ok=True)
    counts = _produce(console, source, events, seed)
    console.print(
        f"  {counts.events:,} events, {counts.bytes / counts.events:.0f} bytes each: {counts.late:,} late, "
        f"{counts.duplicates:,} duplicates ({counts.conflicting:,} with another body), {counts.malformed:,} malformed"
    )
    console.print(f"[bold]Ingest[/] through the function: {partitions} partitions, {workers} workers")
    with Meter("ingest") as meter:
        run = run_host(
            [source], partitions=partitions, workers=workers, progress=lambda p: meter.show(p.events, p.events, events)
        )
    _show_run(console, run)

    settings = StorageSettings.load()
    show_archive(console, archive_files(settings))
    with psycopg.connect(os.environ["POSTGRES_MIGRATOR_DSN"]) as connection:
        for name, title in _TABLES.items():
            show_result(console, title, report(connection, name))
        checks = check_books(source, open_archive(settings), connection)
    show_checks(console, checks)
    if not all(check.holds for check in checks):
        raise UserError("The books do not agree. This is a bug: please report the table above.")
    console.print(
        "Every event is accounted for, once. The services still run:\n"
        "  [bold]payments ingest .local/demo.ndjson[/]     the same file again changes no total\n"
        '  [bold]eval "$(payments services env)"[/]        settings for psql and other programs\n'
        "  [bold]payments services down[/]                 stops them"
    )


@contextmanager
def _step(console: Console, title: str) -> Iterator[None]:
    with console.status(title):
        yield
    console.print(f"[bold]{title}[/]: done")


def _produce(console: Console, target: Path, events: int, seed: int) -> Counts:
    now = datetime.now(UTC).replace(microsecond=0)
    recipe = Recipe(events, seed, now, timedelta(hours=2), late=0.02, duplicates=0.01, malformed=0.002)
    counts = Counts()
    console.print(f"[bold]Produce[/] {target}")
    with target.open("wb") as file, Meter("produce") as meter:
        for line in lines(recipe, counts):
            file.write(line)
            if counts.events % 1000 == 0:
                meter.show(counts.events, counts.events, events)
    return counts


def _show_run(console: Console, run: HostReport) -> None:
    if run.stopped is not None:
        raise UserError(f"Ingest stopped early: {run.stopped}")
    latency = ", ".join(f"{name} {value:.0f} ms" for name, value in run.latency_ms.items())
    console.print(
        f"  [bold]{run.events_per_second:,.0f} events a second[/]: {run.events:,} events in {run.seconds:.1f} s, "
        f"{run.batches:,} batches, {run.retries} retries\n"
        f"  write latency of a batch (handler called to commit returned): {latency}"
    )
