"""Shows a person what is there: tables of results, and the archive as a tree with sizes."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.filesize import decimal as size_text
from rich.table import Table
from rich.tree import Tree

from payments.demo.books import Check
from payments_storage.report import Result

_FILES_SHOWN: Final = 3


def show_result(console: Console, title: str, result: Result) -> None:
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, name in enumerate(result.columns):
        numeric = bool(result.rows) and isinstance(result.rows[0][place], int | float | Decimal)
        table.add_column(name, justify="right" if numeric else "left", no_wrap=name != "message")
    for row in result.rows:
        table.add_row(*(_text(value) for value in row))
    console.print(table)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, Decimal):
        return f"{value:,f}"
    return str(value)


def show_archive(console: Console, files: dict[str, int]) -> None:
    """Files by path with their bytes; of each folder the first few are named."""
    folders: dict[str, list[tuple[str, int]]] = {}
    for path, size in files.items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append((name, size))
    tree = Tree(f"[bold]archive[/]  {len(files)} files, {size_text(sum(files.values()))}")
    for folder, members in folders.items():
        branch = tree.add(f"{folder}/  {len(members)} files, {size_text(sum(size for _, size in members))}")
        for name, size in members[:_FILES_SHOWN]:
            branch.add(f"{name}  {size_text(size)}")
        if len(members) > _FILES_SHOWN:
            branch.add(f"and {len(members) - _FILES_SHOWN} more")
    console.print(tree, soft_wrap=True)


def show_checks(console: Console, checks: list[Check]) -> None:
    table = Table(title="The books", title_justify="left", title_style="bold")
    table.add_column("must agree")
    table.add_column("left", justify="right")
    table.add_column("right", justify="right")
    table.add_column("")
    for check in checks:
        verdict = "[green]agrees[/]" if check.holds else "[bold red]DIFFERS[/]"
        table.add_row(check.statement, _text(check.left), _text(check.right), verdict)
    console.print(table)
