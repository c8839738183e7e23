"""run_job.sh, with a stand-in for the az command that answers as scripted."""

import os
import subprocess
from pathlib import Path

import pytest

from .recording import ROOT

SCRIPT = ROOT / "infra" / "run_job.sh"
_AZ = """#!/usr/bin/env bash
echo "$*" >> "{calls}"
case "$*" in
*"job start"*) echo caj-migrate-1 ;;
*"execution show"*) head -n 1 "{answers}"; sed -i 1d "{answers}" ;;
*) exit 64 ;;
esac
"""


def run(folder: Path, *arguments: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "answers").write_text(answers)
    az = folder / "az"
    az.write_text(_AZ.format(calls=folder / "calls", answers=folder / "answers"))
    az.chmod(0o755)
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "RUN_JOB_PAUSE": "0"}
    return subprocess.run([SCRIPT, *arguments], env=environment, check=False, capture_output=True, text=True)


def test_it_waits_until_the_job_has_succeeded(tmp_path: Path) -> None:
    done = run(tmp_path, "rg", "caj-migrate", answers="Processing\nRunning\nSucceeded\n")
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0].startswith("containerapp job start --resource-group rg --name caj-migrate ")
    assert len(calls) == 4
    assert "--job-execution-name caj-migrate-1" in calls[1]


@pytest.mark.parametrize("status", ["Failed", "Stopped", "Degraded"])
def test_a_job_that_fails_fails_the_step_and_says_where_its_words_are(tmp_path: Path, status: str) -> None:
    done = run(tmp_path, "rg", "caj-migrate", answers=f"Running\n{status}\n")
    assert done.returncode == 1
    assert status in done.stderr
    assert 'startswith "caj-migrate-1"' in done.stderr


def test_a_job_that_does_not_end_fails_the_step_in_time(tmp_path: Path) -> None:
    done = run(tmp_path, "rg", "caj-migrate", "1", answers="Running\n" * 10_000)
    assert done.returncode == 1
    assert "not at its end after 1 s" in done.stderr


def test_wrong_usage_starts_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "rg")
    assert (done.returncode, "usage:" in done.stderr) == (2, True)
    assert not (tmp_path / "calls").exists()
