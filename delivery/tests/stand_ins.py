"""Stand-ins for commands that need a cloud: they write down how they were called, and answer as they are told."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_SCRIPT: Final = """#!/usr/bin/env bash
input=
for argument in "$@"; do [[ $argument != - ]] || input=" <<< $(cat | tr '\\n' ' ')"; done
echo "$(basename "$0") $*$input" >> "{calls}"
{answer}
"""


class StandIns:
    """`answers`: command -> what it does, in bash, with its arguments in $*."""

    def __init__(self, folder: Path, answers: Mapping[str, str]) -> None:
        self._folder = folder
        self._calls = folder / "calls"
        for command, answer in answers.items():
            file = folder / command
            file.write_text(_SCRIPT.format(calls=self._calls, answer=answer))
            file.chmod(0o755)

    def run(self, *command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self._folder}:{os.environ['PATH']}"
        return subprocess.run(
            command, cwd=cwd, env=os.environ | {"PATH": path} | environment, check=False, capture_output=True, text=True
        )

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []
