"""Server processes: start them apart from this one, find them again by what they run, stop exactly those.

A server is recognized by its command line, which names the folder of its data. A process id alone is never trusted:
after a kill it may belong to anything.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import psutil

from payments.errors import UserError
from payments.local.place import Account

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.05

# A shell between us and the server gives the server another parent, so that it outlives this process and is reaped.
_DETACHED = '"$@" </dev/null >&2 & echo "$!"'
# On the leash the shell lives on, and stops the server as soon as this process is gone, even by SIGKILL.
# TERM ends any program; PostgreSQL would then wait for its clients, and INT makes it hurry.
_LEASHED = _DETACHED + '; exec >&-; read -r _; kill -s TERM "$!" 2>/dev/null; kill -s INT "$!" 2>/dev/null; wait'


@dataclass(frozen=True)
class Launched:
    process: psutil.Process
    leash: subprocess.Popen[str] | None

    def release(self) -> None:
        """Let the shell of a leashed server end."""
        if self.leash is not None and self.leash.stdin is not None:
            self.leash.stdin.close()
            self.leash.wait()


def launch(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    log: Path,
    env: Mapping[str, str],
    account: Account | None,
    leashed: bool,
) -> Launched:
    with log.open("ab") as output:
        log.chmod(0o600)
        shell = subprocess.Popen(
            ["/bin/sh", "-c", _LEASHED if leashed else _DETACHED, "sh", *command],
            stdin=subprocess.PIPE if leashed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=cwd,
            env={
                "PATH": os.defpath,
                "LC_ALL": "C",
                **env,
            },  # nothing else of ours: no secrets, no PG* or NODE_* variables
            umask=0o077,
            start_new_session=True,  # Ctrl-C in the terminal is not for the servers
            text=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    with cast("IO[str]", shell.stdout) as said:
        process = psutil.Process(int(said.readline()))
    if leashed:
        return Launched(process, shell)
    shell.wait()
    return Launched(process, None)


def find(program: str, *signature: str, account: Account | None) -> psutil.Process | None:
    """The account's process whose executable has this name and whose arguments contain `signature` in a row."""
    uid = account.uid if account else os.geteuid()
    matches = {
        process.pid: process
        for process in psutil.process_iter(["cmdline", "ppid", "uids"])
        if _runs(process.info["cmdline"] or [], program, signature)
        and process.info["uids"].effective == uid
        and _shares_our_root(process)
    }
    # A child that was forked a moment ago still has its parent's command line.
    return next((process for process in matches.values() if process.info["ppid"] not in matches), None)


def find_titled(title: str, folder: Path) -> list[psutil.Process]:
    """The processes that work in `folder` and show this title as the start of their command line."""
    return [
        process
        for process in psutil.process_iter(["cwd", "cmdline"])
        if process.info["cwd"] == str(folder)
        and (process.info["cmdline"] or [""])[0].startswith(title)
        and _shares_our_root(process)
    ]


def gone(process: psutil.Process) -> bool:
    """Ended, or dead and waiting for a parent that never looks (containers without an init)."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(happened: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def stop(process: psutil.Process, *signals: int, patience: float) -> None:
    """Send each signal in turn until the process is gone. psutil refuses to signal a process that took over the id."""
    for signal in signals:
        try:
            process.send_signal(signal)
        except psutil.NoSuchProcess:
            return
        if wait_until(lambda: gone(process), patience):
            return
    raise UserError(f"Process {process.pid} does not end. Its command line: {' '.join(process.cmdline())}")


def free_port(preferred: int | None) -> int:
    """The preferred port if nobody listens on it, else any free one. Free now: the caller retries if it is lost."""
    return preferred if preferred is not None and is_free(preferred) else _bind(0)


def is_free(port: int) -> bool:
    try:
        _bind(port)
    except OSError:
        return False
    return True


def tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _bind(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, port))
        bound: int = probe.getsockname()[1]
        return bound


def _runs(command: Sequence[str], program: str, signature: Sequence[str]) -> bool:
    if not command or Path(command[0]).name != program:
        return False
    width = len(signature)
    return any(tuple(command[start : start + width]) == tuple(signature) for start in range(1, len(command)))


def _shares_our_root(process: psutil.Process) -> bool:
    """A container on this machine may run the same paths in a file system of its own."""
    if sys.platform != "linux":
        return True
    try:
        return Path(f"/proc/{process.pid}/root").samefile("/")
    except OSError:
        return False
