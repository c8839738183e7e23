"""The workflows keep the rules of this house: what they may do, and that they run what a person runs."""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .stand_ins import ROOT

WORKFLOWS = {file.name: yaml.safe_load(file.read_text()) for file in sorted((ROOT / ".github/workflows").glob("*.yml"))}
JOBS = [
    pytest.param(job, id=f"{file}-{name}") for file, flow in WORKFLOWS.items() for name, job in flow["jobs"].items()
]
STACKS = ["dev", "staging", "prod"]
# make target -> the test that runs what it does, or the reason why none can
RUN_BY = {
    "lint": ".ci/run",
    "setup": ".ci/run",
    "setup-infra": ".ci/run",
    "test-unit": ".ci/run",
    "test-integration": ".ci/run",
    "package": "tests/integration/package/test_function_package.py",
    "image": "delivery/tests/test_image.py",
    "audit": "delivery/tests/test_workflows.py",
    "gate": "delivery/tests/test_preview.py",
    "preview": "delivery/tests/test_preview.py",
    "comment": "delivery/tests/test_preview.py",
    "drift": "delivery/tests/test_preview.py",
    "release-infra": "delivery/tests/test_release.py",
    "release-app": "delivery/tests/test_release.py",
}


def make(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """As a person starts it, also where these tests were started by make."""
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    }
    command = ["make", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)


def dry_run(*arguments: str) -> str:
    done = make("--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def steps() -> Iterator[dict[str, Any]]:
    for flow in WORKFLOWS.values():
        for job in flow["jobs"].values():
            yield from job.get("steps", [])


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_nothing_and_takes_turns(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {}
    assert WORKFLOWS[name]["concurrency"]["group"]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_says_what_it_may_and_how_long(job: dict[str, Any]) -> None:
    assert job["permissions"]
    assert {*job["permissions"]} <= {"contents", "id-token", "attestations", "pull-requests"}
    assert job["permissions"].get("contents", "read") == "read"
    assert "uses" in job or 0 < job["timeout-minutes"] <= 120


def test_only_a_job_without_a_way_to_azure_may_write_comments() -> None:
    for flow in WORKFLOWS.values():
        for job in flow["jobs"].values():
            assert not {"id-token", "pull-requests"} <= {*job["permissions"]}


def test_no_secret_is_stored() -> None:
    for file in (ROOT / ".github").rglob("*.yml"):
        assert "secrets." not in file.read_text(), f"{file.name}: identities log in with GitHub's token (OIDC)"


def test_actions_are_pinned_to_a_commit_with_the_version_beside_and_are_in_the_decision() -> None:
    decision = (ROOT / "docs/adr/0015-delivery.md").read_text()
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        for line in re.findall(r"uses: (.+)", file.read_text()):
            if line.startswith("$/.github/workflows/"):
                continue
            assert (pin := re.fullmatch(r"([\w-]+/[\w-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", line)), line
            assert f"| {pin[1]} | {pin[3]} | `{pin[2]}` |" in decision, line


def test_a_checkout_leaves_no_token_behind() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert {step["with"]["persist-credentials"] for step in checkouts} == {False}


def test_each_step_runs_a_make_target_that_is_run_here_too() -> None:
    targets = {target for step in steps() if "run" in step for target in step["run"].removeprefix("make ").split()}
    assert all(step["run"].startswith("make ") for step in steps() if "run" in step)
    assert targets == {*RUN_BY}
    assert [test for test in RUN_BY.values() if not (ROOT / test).exists()] == []


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("package", "python delivery/function_package.py build"),
        ("gate", "delivery/gate.py"),
        ("preview", "delivery/preview.sh prod build/preview-prod.md"),
        ("comment", "delivery/comment.sh 17 build/preview-*.md"),
        ("drift", "delivery/preview.sh --drift prod"),
        ("release-infra", "delivery/release.sh infra prod"),
        ("release-app", "delivery/release.sh app prod"),
    ],
)
def test_a_target_is_the_program_that_its_test_runs(target: str, command: str) -> None:
    assert dry_run(target, "STACK=prod", "PULL_REQUEST=17").splitlines()[-1].endswith(command)


def test_the_audit_reads_every_locked_requirement() -> None:
    """All but the question to the service on the internet."""
    done = make("-o", "setup", "audit", "PIP_AUDIT=pip-audit --dry-run --disable-pip --require-hashes")
    assert done.returncode == 0, done.stderr
    files = [*(ROOT / "requirements").glob("*.txt"), *(ROOT / "services").rglob("requirements.txt")]
    assert len(re.findall(r"would have audited \d+ packages", done.stderr)) == len(files)


def test_the_same_two_commands_are_run_here_and_cover_the_narrower_ones() -> None:
    """`make test` is test-unit and test-integration together."""
    assert re.findall(r"^make (.+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE) == ["lint", "test"]
    makefile = (ROOT / "Makefile").read_text()
    assert '\tpytest -m "not services"\n' in makefile
    assert "\tpytest -m services --services $(SERVICES)\n" in makefile
    assert "\tpytest\n" in makefile


def test_the_gate_waits_for_every_job_whatever_became_of_it() -> None:
    jobs = WORKFLOWS["ci.yml"]["jobs"]
    assert {*jobs["gate"]["needs"]} == {*jobs} - {"gate"}
    assert jobs["gate"]["if"] == "always()"


def test_every_python_that_the_packages_support_is_tested() -> None:
    project = tomllib.loads((ROOT / "packages/core/pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    assert WORKFLOWS["ci.yml"]["jobs"]["unit"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def test_nothing_is_deployed_that_has_not_passed_and_the_stacks_come_one_after_the_other() -> None:
    jobs = WORKFLOWS["deploy.yml"]["jobs"]
    assert jobs["ci"]["uses"].endswith("/ci.yml")
    order = ["ci", "provenance", *STACKS]
    assert [jobs[name].get("needs") for name in order] == [None, *[[name] for name in order[:-1]]]
    assert [jobs[stack]["with"]["stack"] for stack in STACKS] == STACKS
    assert WORKFLOWS["release.yml"]["jobs"]["release"]["environment"] == "${{ inputs.stack }}"


def test_what_is_deployed_is_built_once() -> None:
    built = [step for step in steps() if step.get("run") in {"make package", "make image"}]
    assert len(built) == 2


def test_previews_and_drift_use_the_identity_that_may_only_read_and_none_runs_for_a_fork() -> None:
    for name, job in (("preview.yml", "preview"), ("drift.yml", "drift")):
        rows = WORKFLOWS[name]["jobs"][job]["strategy"]["matrix"]["include"]
        assert rows == [
            {"stack": stack, "client": f"${{{{ vars.AZURE_PREVIEW_CLIENT_ID_{stack.upper()} }}}}"} for stack in STACKS
        ]
    condition = WORKFLOWS["preview.yml"]["jobs"]["preview"]["if"]
    assert condition == "github.event.pull_request.head.repo.full_name == github.repository"
    triggers = {trigger for flow in WORKFLOWS.values() for trigger in flow[True]}  # YAML 1.1 reads `on` as true
    assert not triggers & {"pull_request_target", "workflow_run", "issue_comment"}


def test_every_variable_that_the_workflows_read_is_set_by_the_instructions() -> None:
    text = "".join((ROOT / ".github/workflows" / name).read_text() for name in WORKFLOWS)
    told = (ROOT / "docs/deploy.md").read_text()
    for name in {*re.findall(r"vars\.(\w+)", text)}:
        assert re.search(rf"gh variable set {re.sub('_(DEV|STAGING|PROD)$', '_', name)}", told), name


def test_the_pulumi_command_is_as_old_as_its_library() -> None:
    version = (ROOT / "delivery/pulumi-version").read_text().strip()
    assert f"\npulumi=={version} " in (ROOT / "requirements/infra.txt").read_text()


def test_the_python_of_the_package_is_the_one_that_the_stacks_run() -> None:
    from function_package import PYTHON  # noqa: PLC0415 - beside what it is compared with

    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert config["pythonVersion"]["default"] == PYTHON
    assert f"FROM python:{PYTHON}." in (ROOT / "Dockerfile").read_text()


def test_dependabot_looks_after_every_kind_of_pin() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    kinds = {update["package-ecosystem"]: update.get("directories") or [update["directory"]] for update in updates}
    assert {*kinds} == {"github-actions", "pip", "npm", "docker", "docker-compose"}
    for folders in kinds.values():
        assert all(Path(ROOT, folder.lstrip("/")).is_dir() for folder in folders)
    assert json.loads((ROOT / "packages/cli/azurite/package.json").read_text())["dependencies"]
