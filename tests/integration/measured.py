"""What a process of its own needs for a piece of work: that of a test has come and gone too much to be measured."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from .system import System

_ROOT: Final = Path(__file__).parents[2]


def figures_of(worker: str, system: System, *arguments: str) -> Any:
    """Runs a module of this folder on the system's database and container, and returns what it prints as JSON."""
    connection = system.settings.archive_connection_string
    assert connection is not None
    done = subprocess.run(
        [
            *(sys.executable, "-m", f"tests.integration.{worker}"),
            *(system.database.dsn, system.settings.archive_container, connection.get_secret_value()),
            *arguments,
        ],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    return json.loads(done.stdout)
