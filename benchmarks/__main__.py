"""`python -m benchmarks`, or `make bench`: measures, prints a table for each section, writes build/bench.json."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe
from benchmarks.plan import SMOKE, Plan
from benchmarks.sections import Section, measure
from benchmarks.servers import running

_WIDTH: Final = 170  # where the output is no terminal


def main(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(help="throughput, sustained, latency, stages, growth or peers; may be given again. Default: all."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each measurement runs.")] = Plan().seconds,
    runs: Annotated[int, typer.Option(min=1, help="Runs of which throughput is the median.")] = Plan().runs,
    workers: Annotated[list[int] | None, typer.Option(help="Worker processes; may be given again.")] = None,
    batch_size: Annotated[list[int] | None, typer.Option(help="Events a batch; may be given again.")] = None,
    sustained: Annotated[int, typer.Option(min=0, help="Events of one long run, e.g. 2000000. Default: none.")] = 0,
    rows: Annotated[
        list[int] | None,
        typer.Option(
            help="Rows that dynamic_metrics has in growth, e.g. 10000000; making a million takes ten seconds."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="The figures as JSON.")] = Path("build/bench.json"),
    smoke: Annotated[bool, typer.Option("--smoke", help="As short as can be: only to see that it works.")] = False,
) -> None:
    """Measure the pipeline on this machine: PostgreSQL and Azurite of its own, started and stopped here.

    Example: python -m benchmarks --only throughput --runs 5
    """
    plan = SMOKE if smoke else Plan(seconds, runs)
    plan = replace(
        plan,
        sustained_events=sustained,
        rows=(*plan.rows, *(rows or ())),
        workers=tuple(workers or plan.workers),
        batch_sizes=tuple(batch_size or plan.batch_sizes),
    )
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    progress = Console(stderr=True, highlight=False)
    with running() as servers:
        machine = describe(servers)
        report: dict[str, Any] = {"machine": machine, "sections": []}
        output.parent.mkdir(parents=True, exist_ok=True)
        for section in measure(servers, plan, set(only or ()), lambda label: progress.print(f"[dim]{label}[/]")):
            report["sections"].append(asdict(section))
            output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
            _show(console, section)
    console.print(f"\n{machine['processor']}, {machine['cores']} cores. All figures: {output}")


def _show(console: Console, section: Section) -> None:
    if not section.rows:
        return
    table = Table(title=f"\n{section.name}", caption=section.method, title_justify="left", caption_justify="left")
    for name in section.rows[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in section.rows:
        values = (row[name] for name in section.rows[0])
        table.add_row(*(f"{value:,}" if isinstance(value, int | float) else str(value) for value in values))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
