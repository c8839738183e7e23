"""`payments produce`: invented payment events as NDJSON, to a file or standard output, or to an event hub."""

import json
import math
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from payments.errors import Status, UserError
from payments.eventhub.address import Address
from payments.eventhub.send import sending
from payments.meter import Meter
from payments.produce.stream import Counts, Recipe, lines

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DEFAULT_SPAN: Final = timedelta(hours=2)
_BLOCK: Final = 500  # lines a write
_BEATS_A_SECOND: Final = 20  # writes a second when paced


class Target(StrEnum):
    """Where the events go."""

    FILE = "file"
    EVENTHUB = "eventhub"


def produce(
    *,
    to: Annotated[Target, typer.Option(help="file, or eventhub: EVENTHUB_NAME and its namespace.")] = Target.FILE,
    events: Annotated[int, typer.Option(min=1, help="How many lines.")] = 1_000,
    output: Annotated[Path, typer.Option("--output", "-o", help="A file, or - for standard output.")] = Path("-"),
    rate: Annotated[float | None, typer.Option(min=0.1, help="Lines a second. Default: as fast as it goes.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed, --end and options give the same bytes.")] = None,
    end: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When the last one happens: 2026-01-31T12:00:00Z. Default: now."),
    ] = None,
    span: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long the events last: 90s, 30m, 2h, 1d. Default: 2h.")
    ] = None,
    late: Annotated[float, typer.Option(min=0, max=1, help="Share of events that are hours to days late.")] = 0.02,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share of lines that repeat an earlier one.")] = 0.01,
    malformed: Annotated[float, typer.Option(min=0, max=1, help="Share of lines that are no valid event.")] = 0.001,
    as_json: Annotated[bool, typer.Option("--json", help="Report on standard output as JSON; needs --output.")] = False,
) -> None:
    """Produce realistic payment events, one JSON object a line.

    To an event hub they go in batches, those of a transaction to one partition and in their order.
    With --rate and neither --end nor --span the events happen now, as they are written.

    Example: payments produce --events 200000 --malformed 0.01 --output events.ndjson
    """
    if duplicates + malformed > 1:
        raise UserError("--duplicates and --malformed are shares of all lines: together at most 1.", Status.WRONG_USAGE)
    if to is Target.EVENTHUB and output != Path("-"):
        raise UserError("--output is for --to file: leave one of the two away.", Status.WRONG_USAGE)
    to_stdout = to is Target.FILE and output == Path("-")
    if as_json and to_stdout:
        raise UserError("--json would mix with the events on standard output. Add --output FILE.", Status.WRONG_USAGE)
    now = datetime.now(UTC).replace(microsecond=0)
    lasting = _DEFAULT_SPAN if span is None else _duration(span)
    if rate is not None and end is None and span is None:
        lasting = timedelta(seconds=math.ceil(events / rate))
        now += lasting
    recipe = Recipe(
        events=events,
        seed=secrets.randbelow(10**9) if seed is None else seed,
        end=now if end is None else _time(end),
        span=lasting,
        late=late,
        duplicates=duplicates,
        malformed=malformed,
    )
    counts = Counts()
    opened = _to_hub() if to is Target.EVENTHUB else _opened(output)
    with opened as write, Meter("produce") as meter:
        for block in _blocks(lines(recipe, counts), rate):
            write(block)
            if not to_stdout:
                meter.show(counts.events, counts.events, events)
    _report(recipe, counts, as_json=as_json)


def _blocks(source: Iterator[bytes], rate: float | None) -> Iterator[list[bytes]]:
    """The lines in blocks; with a rate, each block when it is due."""
    size = _BLOCK if rate is None else max(1, min(_BLOCK, round(rate / _BEATS_A_SECOND)))
    started = time.monotonic()
    given = 0
    while block := list(islice(source, size)):
        if rate is not None:
            time.sleep(max(0.0, started + given / rate - time.monotonic()))
        yield block
        given += len(block)


@contextmanager
def _opened(output: Path) -> Iterator[Callable[[list[bytes]], None]]:
    if output == Path("-"):
        yield lambda block: _write(sys.stdout.buffer, block)
        return
    try:
        with output.open("wb") as file:
            yield lambda block: _write(file, block)
    except OSError as error:
        raise UserError(f"Cannot write {output}: {error.strerror}. Name another file with --output.") from error


def _write(file: BinaryIO, block: list[bytes]) -> None:
    file.write(b"".join(block))
    file.flush()


@contextmanager
def _to_hub() -> Iterator[Callable[[list[bytes]], None]]:
    with sending(Address.load()) as sender:
        yield sender.send
        sender.finish()


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if match is None or match[1].strip("0") == "":
        raise UserError(f"--span {text!r} is no duration. Write 90s, 30m, 2h or 1d.", Status.WRONG_USAGE)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UserError(f"--end {text!r} is no time with an offset. Write 2026-01-31T12:00:00Z.", Status.WRONG_USAGE)
    return moment.astimezone(UTC)


def _report(recipe: Recipe, counts: Counts, *, as_json: bool) -> None:
    end = recipe.end.isoformat().replace("+00:00", "Z")
    span = f"{recipe.span // timedelta(seconds=1)}s"
    if as_json:
        print(json.dumps({**asdict(counts), "seed": recipe.seed, "end": end, "span": span}))
        return
    print(
        f"{counts.events:,} lines, {counts.bytes / 1e6:,.1f} MB: {counts.late:,} late, {counts.malformed:,} malformed, "
        f"{counts.duplicates:,} duplicates ({counts.conflicting:,} of them with another payload).\n"
        f"The same again: --seed {recipe.seed} --end {end} --span {span}",
        file=sys.stderr,
    )
