"""`payments failed`: the dead-letter queue, listed, shown, replayed and discarded."""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console

from payments.errors import Status, UserError
from payments.failed import options, show
from payments.failed.payload import show_payload
from payments.failed.person import ask, person, write_private
from payments.failed.preview import Preview
from payments.failed.replay import Replay, awaits_archive
from payments.failed.text import json_value
from payments.failed.waiting import waiting_deliveries
from payments.local.services import use_local_services_if_unset
from payments.meter import Meter
from payments_storage.connect import open_connection, open_container
from payments_storage.dead_letters import DeadLetters
from payments_storage.errors import StorageError
from payments_storage.failed_items import Chosen, FailedItems, Filters
from payments_storage.pipeline import Pipeline
from payments_storage.pipeline_settings import PipelineSettings
from payments_storage.settings import StorageSettings

_WIDTH: Final = 160  # where the output is no terminal
_Settings = TypeVar("_Settings", bound=StorageSettings)

app = typer.Typer(
    help="Events that could not be processed: look at them, replay them, or give them up. See docs/failed-items.md.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    *,
    ids: options.Ids = None,
    codes: options.Codes = None,
    stages: options.Stages = None,
    status: Annotated[options.StatusChoice, typer.Option(help="In this state.")] = options.StatusChoice.PENDING,
    hub: options.Hub = None,
    partition: options.Partition = None,
    since: options.Since = None,
    until: options.Until = None,
    transaction_id: options.TransactionId = None,
    event_id: options.EventId = None,
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="So many entries after the summary.")] = 20,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest entries instead of the newest.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """List what failed: counts by code, the newest entries, and how many deliveries wait in the dead-letter container.

    Example: payments failed list --since 2h --code amount_too_fine
    """
    filters = options.filters_of(
        ids=ids,
        codes=codes,
        stages=stages,
        hub=hub,
        partition=partition,
        since=since,
        until=until,
        transaction_id=transaction_id,
        event_id=event_id,
    )
    if status is not options.StatusChoice.ANY:
        filters = replace(filters, statuses=[status.value])
    settings = _settings(StorageSettings)
    with open_container(settings, settings.dead_letter_container) as container:
        waiting = waiting_deliveries(DeadLetters(container))
    try:
        with _opened(settings) as items:
            summary = items.summary(filters)
            entries = items.items(filters, limit, oldest_first=oldest) if limit else []
    except StorageError:
        # PostgreSQL away is what fills the container: what waits there is told all the same.
        typer.echo(show.waiting_text(waiting, datetime.now(UTC)), err=True)
        raise
    if as_json:
        report = {"summary": list(map(asdict, summary)), "entries": list(map(asdict, entries))}
        _print_json({**report, "dead_letter_container": asdict(waiting)})
        return
    now = datetime.now(UTC)
    console = _console()
    if summary:
        show.show_summary(console, summary, now)
    else:
        print("No such entry." if filters != Filters(statuses=["pending"]) else "Nothing has failed and waits.")
    if entries:
        show.show_items(console, entries, now)
    print(show.waiting_text(waiting, now))


@app.command("show")
def show_(
    *,
    ids: Annotated[
        list[int],
        typer.Argument(
            metavar="ID", min=1, max=options.LARGEST_ID, help="Entries, as `payments failed list` numbers them."
        ),
    ],
    payload_to: Annotated[
        Path | None,
        typer.Option(help="Write the exact bytes of the one entry to a new file that only you can read."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show entries with all that is known of them. In the payload, what may identify a person is masked.

    Example: payments failed show 4711
    """
    if payload_to is not None and len(ids) != 1:
        raise UserError("--payload-to takes the bytes of one entry: name one ID.", Status.WRONG_USAGE)
    with _opened(_settings(StorageSettings)) as items:
        found = {item.failed_item_id: item for item in items.items(Filters(ids=ids), len(ids))}
        if missing := sorted(set(ids) - found.keys()):
            raise UserError(f"There is no entry {', '.join(map(str, missing))}. `payments failed list` shows the ids.")
        shown = [(found[number], items.payload(number)) for number in dict.fromkeys(ids)]
    if payload_to is not None:
        write_private(payload_to, shown[0][1])
        typer.echo("The file holds the bytes unmasked: delete it after use.", err=True)
    if as_json:
        _print_json([
            {
                **asdict(item),
                "payload": show_payload(body),
                "payload_bytes": len(body),
                "payload_sha256": hashlib.sha256(body).hexdigest(),
            }
            for item, body in shown
        ])  # fmt: skip
        return
    now = datetime.now(UTC)
    print("\n\n".join(show.item_text(item, show_payload(body), len(body), now) for item, body in shown))


@app.command()
def replay(
    *,
    ids: options.Ids = None,
    codes: options.Codes = None,
    stages: options.Stages = None,
    hub: options.Hub = None,
    partition: options.Partition = None,
    since: options.Since = None,
    until: options.Until = None,
    transaction_id: options.TransactionId = None,
    event_id: options.EventId = None,
    everything: options.All = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and end.")] = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
) -> None:
    """Put failed events through the pipeline again, after showing what would happen. An event never counts twice.

    Takes the function's own settings (METRICS_FILE, AGGREGATE_WINDOWS, ...): set them as the function app has them.

    Example: payments failed replay --code refused_by_database --since 1d
    """
    filters = options.filters_of(
        ids=ids,
        codes=codes,
        stages=stages,
        hub=hub,
        partition=partition,
        since=since,
        until=until,
        transaction_id=transaction_id,
        event_id=event_id,
    )
    filters = options.must_choose(filters, everything=everything)
    settings = _settings(PipelineSettings)
    with _opened(settings) as items, Pipeline(settings) as pipeline:
        chosen = _choose(items, filters)
        expected = Preview(pipeline, items, settings.dedup_window_days).of(chosen)
        print(show.expected_text(expected), file=sys.stderr if as_json else sys.stdout)
        if dry_run or not chosen:
            if as_json:
                _print_json({"expected": asdict(expected), "replayed": None})
            return
        ask("Replay them?", yes=yes)
        with Meter("replay") as meter:
            report = Replay(pipeline, items, person()).run(chosen, lambda done: meter.show(done, done, len(chosen)))
    if as_json:
        _print_json({"expected": asdict(expected), "replayed": asdict(report)})
    else:
        print(show.replayed_text(report))
    if report.stopped is not None:
        raise UserError(f"Stopped: {report.stopped}\nReplay again later: what is stored already counts once.")
    if report.rejected:
        raise UserError(
            f"Failed again and still pending: {sum(report.rejected.values()):,}. `payments failed show ID` says why; "
            "docs/failed-items.md says for each code what helps."
        )


@app.command()
def discard(
    *,
    reason: Annotated[str, typer.Option(help="Why. Kept with the entry, for the audit.", show_default=False)],
    ids: options.Ids = None,
    codes: options.Codes = None,
    stages: options.Stages = None,
    hub: options.Hub = None,
    partition: options.Partition = None,
    since: options.Since = None,
    until: options.Until = None,
    transaction_id: options.TransactionId = None,
    event_id: options.EventId = None,
    everything: options.All = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
) -> None:
    """Give failed events up for ever. The entries stay, with their bytes, your name and your reason.

    Example: payments failed discard --id 4711 --reason "test event of the shop, ticket PAY-12"
    """
    filters = options.filters_of(
        ids=ids,
        codes=codes,
        stages=stages,
        hub=hub,
        partition=partition,
        since=since,
        until=until,
        transaction_id=transaction_id,
        event_id=event_id,
    )
    filters = options.must_choose(filters, everything=everything)
    options.must_be_text("--reason", reason)
    if not reason.strip():
        raise UserError("--reason is blank. Say why these events are given up.", Status.WRONG_USAGE)
    with _opened(_settings(StorageSettings)) as items:
        chosen = _choose(items, filters)
        if counted := sum(map(awaits_archive, chosen)):
            raise UserError(
                f"Of the {len(chosen):,} chosen, {counted:,} have stage archive: these events count, and would never "
                "be in the archive. Replay them (`payments failed replay --stage archive`), or choose others."
            )
        counts = Counter(item.error_code for item in chosen)
        lines = [f"Entries: {len(chosen):,}", *(f"{entries:>10,}  {code}" for code, entries in counts.most_common())]
        print("\n".join(lines), file=sys.stderr if as_json else sys.stdout)
        discarded = 0
        if chosen:
            ask("Discard them?", yes=yes)
            discarded = items.discard(chosen, reason.strip(), person())
    if as_json:
        _print_json({"chosen": len(chosen), "by_code": counts, "discarded": discarded})
    else:
        print(f"Entries discarded: {discarded:,}")
    if discarded < len(chosen):
        raise UserError(
            f"Left alone: {len(chosen) - discarded:,}, being replayed now, or somebody has dealt with them since. "
            "`payments failed list` shows how they are now."
        )


def _settings(kind: type[_Settings]) -> _Settings:
    use_local_services_if_unset()
    return kind.load()


@contextmanager
def _opened(settings: StorageSettings) -> Iterator[FailedItems]:
    with open_connection(settings) as connection:
        yield FailedItems(connection)


def _choose(items: FailedItems, filters: Filters) -> list[Chosen]:
    chosen = items.choose(filters)
    if missing := sorted(set(filters.ids or []) - {item.failed_item_id for item in chosen}):
        raise UserError(
            f"Not pending, or not among what the filters choose: {', '.join(map(str, missing))}. "
            "`payments failed show ID` says what became of an entry."
        )
    return chosen


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=json_value))
