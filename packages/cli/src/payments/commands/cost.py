"""`payments events cost`: what the archive costs over the years, with and without compaction."""

import json
import sys
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from payments.errors import Status, UserError
from payments_core.archive_cost import Cost, Load, Prices, PricesError, cost_by_year
from payments_core.tiers import SOFT_DELETE_DAYS, USUAL, Tiers

_WIDTH: Final = 160  # where the output is no terminal


def cost(
    *,
    tps: Annotated[int, typer.Option(min=1, max=1_000_000, help="Events a second, day and night.")],
    events_a_file: Annotated[
        int, typer.Option(min=1, max=100_000, help="Of a batch: 1,000 at full load (host.json), fewer at less.")
    ] = 1_000,
    years: Annotated[int, typer.Option(min=1, max=50, help="To look ahead.")] = 8,
    cool: Annotated[int, typer.Option(min=1, help="Days until the cool tier (archiveCoolAfterDays).")] = USUAL.cool,
    archive: Annotated[
        int, typer.Option(min=1, help="Days until the archive tier (archiveArchiveAfterDays).")
    ] = USUAL.archive,
    delete: Annotated[int, typer.Option(min=1, help="Days until the end (archiveRetentionDays).")] = USUAL.delete,
    soft_delete: Annotated[
        int, typer.Option(min=0, help="Days that deleted files are kept (softDeleteDays).")
    ] = SOFT_DELETE_DAYS,
    prices: Annotated[
        Path | None, typer.Option(help="Your prices, as packages/core/src/payments_core/blob_prices.toml.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report on standard output as JSON.")] = False,
) -> None:
    """Estimate the bill of the archive, year by year. List prices of a US region, not a quote: see what it prints.

    Example: payments events cost --tps 10000
    """
    if not cool < archive < delete:
        raise UserError("--cool, --archive and --delete must follow each other in time.", Status.WRONG_USAGE)
    table = _prices(prices)
    tiers = Tiers(cool, archive, delete)
    loads = {name: Load(tps, events_a_file, soft_delete, name == "compacted") for name in ("as written", "compacted")}
    costs = {name: cost_by_year(load, tiers, table, years) for name, load in loads.items()}
    if as_json:
        print(json.dumps(_report(loads, costs, table), indent=2))
    else:
        _print(loads, costs, table, tiers)


def _prices(path: Path | None) -> Prices:
    try:
        text = (path or files("payments_core") / "blob_prices.toml").read_text(encoding="utf-8")
        return Prices.parse(text)
    except (OSError, UnicodeDecodeError, PricesError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"--prices {path}: {reason}.", Status.WRONG_USAGE) from None


def _report(loads: dict[str, Load], costs: dict[str, list[Cost]], prices: Prices) -> dict[str, Any]:
    kinds = {
        name: {
            "files_a_day": loads[name].files_a_day,
            "bytes_a_day": loads[name].bytes_a_day,
            "years": [{**_texts(each), "total": f"{each.total:.2f}"} for each in found],
        }
        for name, found in costs.items()
    }
    return {"currency": "USD", "prices": {"source": prices.source, "read_on": str(prices.read_on)}, **kinds}


def _texts(cost: Cost) -> dict[str, str]:
    return {name: f"{amount:.2f}" for name, amount in asdict(cost).items()}


def _print(loads: dict[str, Load], costs: dict[str, list[Cost]], prices: Prices, tiers: Tiers) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    for name, load in loads.items():
        title = f"Files {name}: {load.files_a_day:,} and {load.bytes_a_day / 1e9:,.1f} GB a day"
        shown = Table(title=title, title_justify="left", title_style="bold", caption="US dollars a year")
        for column in ("year", "writing", "compacting", "tier changes", "storing", "total", "saved"):
            shown.add_column(column, justify="right")
        for year, (each, before) in enumerate(zip(costs[name], costs["as written"], strict=True), start=1):
            parts = (each.writing, each.compacting, each.moving, each.storing, each.total, before.total - each.total)
            shown.add_row(str(year), *(f"{part:,.0f}" for part in parts))
        console.print(shown)
    for tier, days in (("cool", tiers.cool_days_unused), ("archive", tiers.archive_days_unused)):
        if days:
            console.print(f"{days} days of the {tier} tier's minimum are paid for nothing: files leave it too soon.")
    console.print(
        f"An estimate, with list prices read on {prices.read_on} (not a quote): {prices.source}\n"
        "Without reading, listing, versions, replication and taxes. Your prices: --prices FILE.",
        markup=False,
    )
