"""`payments plan`: what a rate of transactions needs in Azure, and what that costs."""

import json
import sys
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from payments import capacity

_WIDTH: Final = 130  # where the output is no terminal


def plan(
    *,
    tps: Annotated[int, typer.Option(min=1, max=10_000_000, help="Transactions a second, around the clock.")],
    metrics_days: Annotated[int, typer.Option(min=1, help="Days for which dynamic_metrics is kept.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Report on standard output as JSON.")] = False,
) -> None:
    """Say what a rate of transactions needs in Azure: units, partitions, instances, cores, disk, US dollars a month.

    The arithmetic of docs/scaling.md, which says what was measured, what is extrapolated and where prices are from.

    Example: payments plan --tps 10000 --metrics-days 14
    """
    made = capacity.plan(tps, metrics_days)
    if as_json:
        print(json.dumps({**asdict(made), "monthly": made.monthly}, indent=2))
        return
    table = Table(title=f"{tps:,} transactions a second", title_justify="left")
    table.add_column("item")
    table.add_column("what")
    table.add_column("US$ a month", justify="right")
    for item in made.items:
        table.add_row(item.name, item.what, f"{item.monthly:,.0f}")
    table.add_row("all", "", f"{made.monthly:,.0f}", style="bold")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    console.print(table)
    for limit in made.limits:
        console.print(f"- {limit}")
