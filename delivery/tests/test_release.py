"""delivery/release.sh in a copy of the clone, with stand-ins for pulumi, az and docker: the order, and the way back."""

import json
import re
import shutil
from pathlib import Path

import pytest

from .stand_ins import ROOT, StandIns

_OUTPUTS = {
    "resourceGroup": "rg-payments-dev",
    "functionApp": "func-payments-dev",
    "registry": "crpaymentsdev.azurecr.io",
    "jobs": {task: f"caj-{task}" for task in ("bootstrap", "migrate", "smoke", "operate")},
}
_PULUMI = f"""case "$*" in *"stack output"*) echo '{json.dumps(_OUTPUTS)}' ;; esac"""
_DIGEST = "crpaymentsdev.azurecr.io/payments@sha256:abc"
_DOCKER = f"""
case $1 in
pull) [[ -n ${{LIVE:-}} ]] ;;
inspect) echo {_DIGEST} ;;
create) echo container ;;
cp) echo "the package before" > "${{@: -1}}" ;;
esac
"""
# Jobs succeed, but those in FAILING; a package is published, unless REFUSING is set.
_AZ = """
case "$*" in
*"job start"*) echo execution ;;
*"execution show"*)
    for job in ${FAILING:-}; do [[ $* != *"--name $job "* ]] || { echo Failed; exit 0; }; done
    echo Succeeded ;;
*config-zip*) [[ -z ${REFUSING:-} ]] ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the script needs of the clone, and a release in build/."""
    clone = tmp_path / "clone"
    for file in ("delivery/release.sh", "infra/run_job.sh"):
        (clone / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, clone / file)
    (clone / "build").mkdir()
    (clone / "build/image.tar.gz").write_bytes(b"image")
    (clone / "build/function.zip").write_text("the new package")
    return clone


@pytest.fixture
def cloud(tmp_path: Path) -> StandIns:
    folder = tmp_path / "bin"
    folder.mkdir()
    return StandIns(folder, {"pulumi": _PULUMI, "az": _AZ, "docker": _DOCKER})


def release(cloud: StandIns, clone: Path, phase: str, **environment: str) -> tuple[int, str]:
    done = cloud.run(
        clone / "delivery/release.sh", phase, "dev", cwd=clone, RUN_JOB_PAUSE="0", GITHUB_SHA="c0ffee", **environment
    )
    return done.returncode, done.stdout + done.stderr


def steps(cloud: StandIns) -> list[str]:
    """The calls that change something, shortened to what they do."""
    signs = {
        r"docker push .*/(.*)": "push",
        r"pulumi (up) ": "pulumi",
        r"az containerapp job start .*--name ([a-z-]+)": "job",
        r"az .*config-zip .*--src (\S+)": "publish",
        r"docker import .*/(\S+)": "mark",
    }
    found = [(step, re.match(sign, call)) for call in cloud.calls for sign, step in signs.items()]
    return [f"{step} {match[1]}" for step, match in found if match]


def test_the_infrastructure_comes_with_the_image_by_its_digest(cloud: StandIns, clone: Path) -> None:
    assert release(cloud, clone, "infra")[0] == 0
    assert steps(cloud) == ["push payments:c0ffee", "pulumi up"]
    (up,) = [call for call in cloud.calls if "pulumi up" in call]
    assert f"--config payments-ingest:image={_DIGEST}" in up
    assert "--policy-pack infra/policies" in up
    assert "--stack dev" in up


def test_tables_before_the_package_and_the_smoke_test_after_it(cloud: StandIns, clone: Path) -> None:
    status, said = release(cloud, clone, "app", LIVE="yes")
    assert status == 0, said
    assert steps(cloud) == [
        "job caj-bootstrap", "job caj-migrate", "publish build/function.zip", "job caj-smoke",
        "mark function-package:live", "push function-package:live",
    ]  # fmt: skip
    assert "c0ffee is live" in said


def test_a_package_that_fails_its_smoke_test_gives_way_to_the_one_before(cloud: StandIns, clone: Path) -> None:
    status, said = release(cloud, clone, "app", LIVE="yes", FAILING="caj-smoke")
    assert status == 1
    assert steps(cloud)[2:] == [
        "publish build/function.zip",
        "job caj-smoke",
        "publish build/previous.zip",
        "job caj-smoke",
    ]
    assert (clone / "build/previous.zip").read_text() == "the package before\n"
    assert "the package that was live before is back" in said
    assert "the earlier package fails too" in said


def test_without_a_package_that_ever_worked_there_is_no_way_back(cloud: StandIns, clone: Path) -> None:
    (clone / "build/previous.zip").write_text("of another stack")
    status, said = release(cloud, clone, "app", FAILING="caj-smoke")
    assert status == 1
    assert "no earlier package is known" in said
    assert not [step for step in steps(cloud) if "previous" in step or "live" in step]


@pytest.mark.parametrize("job", ["caj-bootstrap", "caj-migrate"])
def test_tables_that_cannot_be_made_stop_the_release_before_the_package(cloud: StandIns, clone: Path, job: str) -> None:
    assert release(cloud, clone, "app", LIVE="yes", FAILING=job)[0] == 1
    assert steps(cloud)[-1] == f"job {job}"


def test_a_package_that_azure_refuses_is_not_live(cloud: StandIns, clone: Path) -> None:
    assert release(cloud, clone, "app", LIVE="yes", REFUSING="yes")[0] == 1
    assert not [step for step in steps(cloud) if "live" in step]


@pytest.mark.parametrize("arguments", [(), ("dev",), ("everything", "dev")])
def test_wrong_usage_changes_nothing(cloud: StandIns, clone: Path, arguments: tuple[str, ...]) -> None:
    done = cloud.run(clone / "delivery/release.sh", *arguments, cwd=clone)
    assert (done.returncode, cloud.calls) == (2, [])
    assert "usage:" in done.stderr


def test_without_a_build_it_says_how_to_make_one(cloud: StandIns, clone: Path) -> None:
    (clone / "build/function.zip").unlink()
    status, said = release(cloud, clone, "app")
    assert (status, cloud.calls) == (2, [])
    assert "make package image" in said
