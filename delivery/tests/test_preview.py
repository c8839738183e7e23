"""What the workflows run around pulumi and gh, with stand-ins for both; and the gate."""

import json
import sys
from pathlib import Path

import pytest

from .stand_ins import ROOT, StandIns

_PULUMI = """
case "$*" in
*"stack output"*) [[ -n ${IMAGE:-} ]] && echo "$IMAGE" ;;
*) echo "~ resource changed"; exit "${STATUS:-0}" ;;
esac
"""


@pytest.fixture
def pulumi(tmp_path: Path) -> StandIns:
    return StandIns(tmp_path, {"pulumi": _PULUMI})


def test_a_preview_is_written_for_the_comment(pulumi: StandIns, tmp_path: Path) -> None:
    file = tmp_path / "out/preview-dev.md"
    done = pulumi.run("delivery/preview.sh", "dev", file, IMAGE="registry/payments@sha256:abc")
    assert done.returncode == 0, done.stderr
    text = file.read_text()
    assert text.startswith("### `dev`: what this change would do\n")
    assert "```diff\n~ resource changed\n" in text
    assert (
        "--stack dev --policy-pack infra/policies --config payments-ingest:image=registry/payments@sha256:abc"
        in pulumi.calls[1]
    )


def test_a_preview_that_fails_fails_the_step_and_says_so_in_the_comment(pulumi: StandIns, tmp_path: Path) -> None:
    file = tmp_path / "preview-dev.md"
    assert pulumi.run("delivery/preview.sh", "dev", file, STATUS="255").returncode == 255
    assert "the preview **failed**" in file.read_text()


def test_a_stack_that_was_never_deployed_has_no_image_yet(pulumi: StandIns) -> None:
    done = pulumi.run("delivery/preview.sh", "dev")
    assert done.returncode == 0, done.stderr
    assert "image=" not in pulumi.calls[1]


@pytest.mark.parametrize("status", [0, 1])
def test_drift_is_looked_for_in_azure_itself(pulumi: StandIns, status: int) -> None:
    done = pulumi.run("make", "-o", "setup-infra", "drift", "STACK=prod", STATUS=str(status))
    assert (done.returncode == 0) == (status == 0)
    assert "--refresh --expect-no-changes" in pulumi.calls[1]
    assert "--stack prod" in pulumi.calls[1]


def test_the_previews_become_one_comment_in_place_of_the_last(tmp_path: Path) -> None:
    for stack in ("dev", "prod"):
        (tmp_path / f"{stack}.md").write_text(f"of {stack}\n")
    gh = StandIns(tmp_path, {"gh": ""})
    done = gh.run("delivery/comment.sh", "17", tmp_path / "dev.md", tmp_path / "prod.md")
    assert done.returncode == 0, done.stderr
    assert gh.calls == ["gh pr comment 17 --edit-last --create-if-none --body-file - <<< of dev of prod "]


@pytest.mark.parametrize("script", ["delivery/preview.sh", "delivery/comment.sh"])
def test_wrong_usage_is_said(pulumi: StandIns, script: str) -> None:
    done = pulumi.run(script)
    assert (done.returncode, "usage:" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("results", "status"),
    [
        (["success", "success"], 0),
        (["success", "failure"], 1),
        (["success", "cancelled"], 1),
        (["success", "skipped"], 1),
        ([], 1),
    ],
)
def test_the_gate_opens_only_when_every_job_succeeded(pulumi: StandIns, results: list[str], status: int) -> None:
    needs = {f"job-{number}": {"result": result, "outputs": {}} for number, result in enumerate(results)}
    done = pulumi.run(sys.executable, ROOT / "delivery/gate.py", NEEDS=json.dumps(needs))
    assert done.returncode == status, done.stdout
