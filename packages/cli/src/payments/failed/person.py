"""The person at the keyboard: who it is, a question, and a file for nobody else."""

import os
import sys
from getpass import getuser
from pathlib import Path

import typer

from payments.errors import Status, UserError


def person() -> str:
    """The name of the user of this machine; PostgreSQL adds its login to it."""
    try:
        return getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid {os.getuid()}"


def ask(question: str, *, yes: bool) -> None:
    """Ends the command (exit status 1) unless the answer is yes."""
    if yes:
        return
    if not at_a_terminal():
        raise UserError("Nobody can be asked here: add --yes.", Status.WRONG_USAGE)
    typer.confirm(question, abort=True, err=True)


def at_a_terminal() -> bool:
    return sys.stdin.isatty()


def write_private(path: Path, body: bytes) -> None:
    """A new file with mode 0600."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}. Name a file that does not exist yet.") from error
