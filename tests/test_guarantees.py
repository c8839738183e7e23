"""docs/guarantees.md promises nothing without a test: every test and every file that it names exists."""

import ast
import re
from pathlib import Path

import pytest

from payments_storage.reconcile.findings import Kind

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([\w/.-]+\.py)(?:::(\w+))?`", PAGE)
PLACES = (ROOT, ROOT / "tests/integration", ROOT / "packages/storage/src/payments_storage")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| [^-]", line)]


def found(path: str) -> Path | None:
    return next((place / path for place in PLACES if (place / path).is_file()), None)


@pytest.mark.parametrize(("path", "test"), sorted(set(NAMED)))
def test_what_is_named_exists(path: str, test: str) -> None:
    file = found(path)
    assert file is not None
    if test:
        defined = {
            node.name for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)
        }
        assert test in defined


def test_each_promise_has_a_test_or_a_page_of_its_own() -> None:
    promises = [row for row in ROWS if not re.match(r"\| (fault|promise|kind) ", row) and " x |" not in row]
    assert len(promises) > 40
    assert [row for row in promises if "::test_" not in row.rpartition(" | ")[2] and "](" not in row] == []


def test_each_test_of_the_fault_suite_that_shows_a_fault_stands_on_the_page() -> None:
    """A module that the page forgets is a promise that nobody can find."""
    modules = {path.name for path in (ROOT / "tests/integration/faults").glob("test_*.py")}
    assert {name for name in modules if f"faults/{name}::" not in PAGE} == set()


@pytest.mark.parametrize("kind", Kind)
def test_docs_reconcile_says_of_each_kind_of_difference_what_it_means_and_what_to_do(kind: Kind) -> None:
    page = (ROOT / "docs/reconcile.md").read_text(encoding="utf-8").replace("`", "")
    assert re.search(rf"^\| {kind.value} \| {re.escape(kind.meaning)} \| \S.+ \|$", page, re.MULTILINE)
