"""What README.md and docs/local.md tell people to type is run: commands here, in a copy of the clone; make targets by
the tests that are named below.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = [
    pytest.param(block, id=f"{name}-{number}")
    for name, wanted in (("README.md", "all"), ("docs/local.md", "embedded"))
    for number, block in enumerate(
        re.findall(r"^```sh\n(.*?)^```", (ROOT / name).read_text(), re.DOTALL | re.MULTILINE)
    )
    if wanted == "all" or number == 0
]
# make target -> who runs what it does
MADE_BY = {
    "demo": "packages/cli/tests/test_demo.py",
    "test": ".ci/run",
    "setup": ".ci/run",
    "package": "tests/integration/package/test_function_package.py",
}


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """The clone without its state: its own local services, and the installed packages of this one."""
    copy = tmp_path / "clone"
    for part in ("packages", "services", "database"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    (copy / ".venv/bin").mkdir(parents=True)
    (copy / ".venv/bin/activate").write_text(f'export PATH="{Path(sys.executable).parent}:$PATH"\n')
    (copy / "packages/cli/azurite/node_modules").symlink_to(ROOT / "packages/cli/azurite/node_modules")
    yield copy
    run(copy, ". .venv/bin/activate; payments services down --delete")


def run(copy: Path, commands: str) -> "subprocess.CompletedProcess[str]":
    sources = ":".join(str(copy / f"packages/{name}/src") for name in ("core", "storage", "cli"))
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],  # noqa: S607 - as a person types it
        cwd=copy, env=os.environ | {"PYTHONPATH": sources}, check=False, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.services
@pytest.mark.parametrize("block", BLOCKS)
def test_every_command_works_as_it_stands_there(block: str, copy: Path) -> None:
    made = re.findall(r"^(?:\. .*&& )?make ([a-z-]+)", block, re.MULTILINE)
    for target in made:
        recipe = subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)  # noqa: S607
        assert recipe.stdout
        assert (ROOT / MADE_BY[target]).exists()
    done = run(copy, re.sub(r"^make [a-z-]+( && )?", "", block, flags=re.MULTILINE))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    if "payments ingest" in block:
        assert re.search(r"^10,000 events in ", done.stdout, re.MULTILINE)


def test_every_link_leads_somewhere() -> None:
    for file in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)]+)\)", file.read_text()):
            parts = urlsplit(target)
            if parts.scheme:
                continue
            page = file.parent / parts.path if parts.path else file
            assert page.exists(), f"{file.name}: {target}"
            if parts.fragment:
                heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
                anchors = {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}
                assert parts.fragment in anchors, f"{file.name}: {target}"
