"""The summaries in golden/ are what the stacks are: a change of the program shows in the review what it adds.

To write them anew: UPDATE_GOLDEN=1 pytest infra/tests/test_golden.py
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from .stacks import STACKS, Stack
from .summary import summarize

FOLDER = Path(__file__).with_name("golden")


@pytest.mark.parametrize("name", STACKS)
def test_the_stack_is_as_its_summary_says(recorded: Mapping[str, Stack], name: str) -> None:
    file = FOLDER / f"{name}.txt"
    text = summarize(recorded[name])
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8")
    kept = file.read_text(encoding="utf-8")
    changes = difflib.unified_diff(kept.splitlines(), text.splitlines(), "reviewed", "now", n=0, lineterm="")
    assert kept == text, "\n".join(["If this is meant: UPDATE_GOLDEN=1 pytest infra/tests/test_golden.py", *changes])


def test_there_is_a_summary_for_each_stack_and_no_other() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(STACKS)
