"""A command of `payments` in a process of its own, and what it took: also its start is in the time."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.query.store import Store

_PAYMENTS = Path(sys.executable).with_name("payments")


def payments(store: Store, *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the command reports, and seconds, processor seconds of it and of the servers, and its most memory."""
    return command(store, str(_PAYMENTS), *arguments, "--json")


def command(store: Store, *words: str) -> tuple[dict[str, Any], dict[str, Any]]:
    servers, started = store.server_seconds(), time.perf_counter()
    own = os.times()
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            words, env={**os.environ, **store.writer_environment}, stdout=output, stderr=subprocess.DEVNULL
        )
        size = _most_memory(child)
        seconds = time.perf_counter() - started
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, words)
        output.seek(0)
        report = json.loads(output.read())
    ended = os.times()
    processors = {"the command": ended.children_user + ended.children_system - own.children_user - own.children_system}
    processors |= {name: after - servers[name] for name, after in store.server_seconds().items()}
    figures = {
        "s": round(seconds, 2),
        "CPU s": {name: round(used, 2) for name, used in processors.items()},
        "most memory MB": size,
        "load": round(os.getloadavg()[0], 1),
    }
    return report, figures


def _most_memory(child: "subprocess.Popen[bytes]") -> int:
    """Waits for the end. Not ru_maxrss: a new process inherits its parent's."""
    most = 0
    while child.poll() is None:
        try:
            most = max(most, psutil.Process(child.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    child.wait()
    return most >> 20
