"""Runs recorder.py, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .stacks import Recorded, Stack

ROOT: Final = Path(__file__).parents[2]
_RECORDER: Final = Path(__file__).with_name("recorder.py")


class RecordingError(Exception):
    """The Pulumi program failed."""


def record(
    folder: Path, *stacks: str, settings: Mapping[str, str] | None = None, root: Path = ROOT
) -> Mapping[str, Stack]:
    """The stacks by name. `settings` change what their files say."""
    out = folder / "recorded.json"
    changes = [part for key, value in (settings or {}).items() for part in ("--set", f"{key}={value}")]
    done = subprocess.run(
        [sys.executable, _RECORDER, root, out, *stacks, *changes], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RecordingError(done.stderr)
    return {name: Stack([Recorded(**row) for row in rows]) for name, rows in json.loads(out.read_text()).items()}
