"""How the program is written, and that the recorder does not swallow its errors."""

import ast
import shutil
from pathlib import Path
from typing import Any

import pytest

from .recording import ROOT, RecordingError, record
from .stacks import Stack

PACKAGE = ROOT / "infra" / "payments_infra"
SOURCES = sorted(PACKAGE.rglob("*.py"))


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def is_component(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        ast.unparse(base) == "pulumi.ComponentResource" for base in node.bases
    )


def test_a_file_has_one_component() -> None:
    counts = {file.name: sum(map(is_component, ast.walk(parsed(file)))) for file in SOURCES}
    assert [name for name, count in counts.items() if count > 1] == []
    assert sum(counts.values()) > 10


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_no_resource_is_made_inside_apply(file: Path) -> None:
    """It would not show in a preview, and would be recorded by chance."""
    makers = {"ComponentResource", "opts=", "child("}
    functions = {node.name: node for node in ast.walk(parsed(file)) if isinstance(node, ast.FunctionDef)}
    for call in ast.walk(parsed(file)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "apply":
            for argument in call.args:
                called = functions.get(argument.id) if isinstance(argument, ast.Name) else argument
                assert called is not None
                assert not [word for word in makers if word in ast.unparse(called)]


def test_the_main_program_makes_components_and_exports_and_nothing_else() -> None:
    tree = ast.parse((ROOT / "infra" / "__main__.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda))]


def test_every_resource_belongs_to_a_component_but_the_group(stack: Stack) -> None:
    components = {row.name for row in stack if row.is_component}
    orphans = {row.name for row in stack if not row.is_component and row.parent not in components}
    assert orphans == {"group"}


def test_a_program_that_fails_is_not_recorded_as_if_it_had_not(tmp_path: Any) -> None:
    """The proof that the tests over the recorded stacks can fail at all."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "infra", copy / "infra", ignore=shutil.ignore_patterns("__pycache__", "tests"))
    for file in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / file, copy)
    main = copy / "infra" / "__main__.py"
    main.write_text("import pulumi\npulumi.Output.from_input(0).apply(lambda zero: 1 // zero)\n")
    with pytest.raises(RecordingError, match="ZeroDivisionError"):
        record(tmp_path, "dev", root=copy)
