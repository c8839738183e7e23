"""`make plots`: draws the figures of build/bench.json as the SVG files that docs/performance.md shows."""

import json
from pathlib import Path
from typing import Annotated, Any

import pygal
import typer
from pygal.style import LightColorizedStyle


def main(
    figures: Annotated[Path, typer.Argument(help="What `make bench` wrote.")] = Path("build/bench.json"),
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")] = Path("docs/img"),
) -> None:
    """Draw latency by offered rate, and how cost grows.

    Example: python -m benchmarks.plots build/bench.json docs/img
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = {section["name"]: section["rows"] for section in json.loads(figures.read_text())["sections"]}
    if rows.get("latency"):
        _latency(rows["latency"]).render_to_file(str(folder / "latency.svg"))
    if rows.get("how cost grows"):
        _growth(rows["how cost grows"]).render_to_file(str(folder / "growth.svg"))


def _latency(rows: list[dict[str, Any]]) -> Any:
    chart = pygal.Bar(
        title="Milliseconds from arrival by the clock to COMMIT", x_title="events a second offered", **_LOOK
    )
    chart.x_labels = [f"{row['offered']:,}" for row in rows]
    for share in ("p50", "p95", "p99"):
        chart.add(share, [row[f"visible_{share}_ms"] for row in rows])
    return chart


def _growth(rows: list[dict[str, Any]]) -> Any:
    chart = pygal.StackedBar(title="Microseconds of CPU an event", x_label_rotation=45, **_LOOK)
    chart.x_labels = [f"{row['what']} {row['value']:,}" for row in rows]
    for name, title in (("pipeline_us", "pipeline"), ("postgres_us", "PostgreSQL"), ("azurite_us", "Azurite")):
        chart.add(title, [row[name] for row in rows])
    return chart


_LOOK: dict[str, Any] = {"style": LightColorizedStyle, "js": [], "width": 1000, "height": 520, "legend_at_bottom": True}

if __name__ == "__main__":
    typer.run(main)
