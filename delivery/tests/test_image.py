"""The image without a registry: its recipe has what the jobs run, and the commands run on its packages alone."""

import ast
import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .stand_ins import ROOT, StandIns

DOCKERFILE = (ROOT / "Dockerfile").read_text()
# Runs a command where only what is in requirements/consume.txt, and our own packages, can be imported.
_ALONE = """
import re, sys
from importlib.metadata import packages_distributions
names = {re.sub("[-_.]+", "-", name) for name in re.findall(r"^([a-z0-9-]+)==", open(sys.argv.pop(1)).read(), re.M)}
ours = {"payments-core", "payments-storage", "payments-cli"}
foreign = {module for module, owners in packages_distributions().items()
           if not {re.sub("[-_.]+", "-", owner).lower() for owner in owners} & (names | ours)}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in foreign:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Refuse())
from payments.main import app
app(sys.argv[1:])
"""


@pytest.mark.parametrize("command", ["migrate", "produce", "consume", "smoke", "failed", "reconcile"])
def test_commands_need_nothing_that_the_image_does_not_have(command: str) -> None:
    requirements = ROOT / "requirements/consume.txt"
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, requirements, command, "--help"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_what_only_a_developer_needs_is_refused_there() -> None:
    """The proof that the test above can fail."""
    code = _ALONE.replace("from payments.main import app", "import testcontainers")
    done = subprocess.run(
        [sys.executable, "-c", code, ROOT / "requirements/consume.txt"], check=False, capture_output=True
    )
    assert b"testcontainers is not in the image" in done.stderr


def test_it_has_what_the_jobs_run() -> None:
    copied = [
        source
        for sources in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in sources.split()
    ]
    assert "database/migrations" in copied
    source = (ROOT / "infra/payments_infra/job_specs.py").read_text()
    commands = [
        ast.literal_eval(node.args[1])
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "spec"
    ]
    assert len(commands) == 4
    for program, argument, *_ in commands:
        assert program == "payments" or (program == "python" and argument in copied), program
    assert "/app/bin/payments" in DOCKERFILE
    assert "\ndbmate-bin==" in (ROOT / "requirements/consume.txt").read_text(), "payments migrate runs it"


def test_all_that_it_copies_is_there_and_sent_to_the_daemon() -> None:
    sent = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for source in re.findall(r"^COPY (?!--)(\S+) ", DOCKERFILE, re.MULTILINE):
        assert (ROOT / source).exists(), source
        assert source in sent


def test_its_base_is_pinned_by_digest_and_it_does_not_run_as_root() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.12\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", bases[0])
    assert re.search(r"^USER [1-9]", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE


def test_make_image_builds_it_and_keeps_it_for_the_release(tmp_path: Path) -> None:
    docker = StandIns(tmp_path, {"docker": '[[ $1 != save ]] || echo "the image"'})
    for part in ("Makefile", "Dockerfile"):
        (tmp_path / part).write_bytes((ROOT / part).read_bytes())
    done = docker.run("make", "image", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert docker.calls == ["docker build --tag payments:build .", "docker save payments:build"]
    assert gzip.decompress((tmp_path / "build/image.tar.gz").read_bytes()) == b"the image\n"
