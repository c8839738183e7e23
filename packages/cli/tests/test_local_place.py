"""Where local servers live, what they run as, and that nothing of them outlives what started them."""

import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from payments.errors import UserError
from payments.local import binaries, place, postgres, processes
from payments.local.place import Account, Place, temporary_place
from payments.local.postgres import PostgresServer
from payments.local.state import fresh

# Starts a leashed process and says its id; then it waits to be killed.
LEASHING = """
import sys, time
from pathlib import Path
from payments.local.processes import launch
folder = Path(sys.argv[1])
started = launch(["/bin/sleep", "60"], cwd=folder, log=folder / "log", env={}, account=None, leashed=True)
print(started.process.pid, flush=True)
time.sleep(60)
"""


def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_an_ordinary_user_has_everything_in_the_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert place.clone_place() == Place(place.CLONE / ".local", account=None)


def test_root_has_a_folder_for_each_clone_outside_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    as_root(monkeypatch)
    here = place.clone_place()
    monkeypatch.setattr(place, "CLONE", Path("/elsewhere"))
    there = place.clone_place()
    assert here.folder.parent == there.folder.parent == Path("/var/tmp")  # noqa: S108 - the name is what is tested
    assert here.folder != there.folder
    assert here.account is not None
    assert here.account.uid != 0


def test_root_without_an_account_to_lend_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    as_root(monkeypatch)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    with pytest.raises(UserError, match="useradd"):
        place.clone_place()


def test_root_that_may_not_become_the_account_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(UserError, match="capabilities"):
        place.create(Place(tmp_path / "mine", Account("nobody", 65534, 65534)))


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    """Under /var/tmp anybody may have put a link where our folder would be."""
    (tmp_path / "target").mkdir(mode=0o755)
    (tmp_path / "squatted").symlink_to(tmp_path / "target")
    with pytest.raises(UserError, match="belongs to another user"):
        place.create(Place(tmp_path / "squatted", None))
    assert (tmp_path / "target").stat().st_mode & 0o777 == 0o755


def test_only_its_user_may_enter_a_place(tmp_path: Path) -> None:
    place.create(Place(tmp_path / "mine", None))
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o700


def test_a_place_in_use_stays_and_an_abandoned_one_goes() -> None:
    with temporary_place() as in_use:
        abandoned = in_use.folder.with_name("payments-test-abandoned")
        abandoned.mkdir()
        (abandoned / "lock").touch()
        with temporary_place() as other:
            assert other.folder != in_use.folder
            assert in_use.folder.exists()
            assert not abandoned.exists()
    assert not in_use.folder.exists()


def test_a_leashed_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", LEASHING, tmp_path], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        server = psutil.Process(int(starter.stdout.readline()))
        assert not processes.gone(server)
        starter.send_signal(signal.SIGKILL)
    assert processes.wait_until(lambda: processes.gone(server), 10)


def test_the_server_runs_from_a_copy_of_its_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a clone in a folder that the account may not enter: what is copied must be enough."""
    with temporary_place() as here:
        copy = here.folder / "copy"
        binaries.copy_wheel(binaries.postgres_programs().parents[2], copy)
        (programs,) = copy.glob("*/pginstall18/bin")
        monkeypatch.setattr(postgres, "server_programs", lambda _: programs)
        server = PostgresServer(here, fresh(here.folder))
        try:
            server.start()
            process = server.process()
            assert process is not None
            assert process.cmdline()[0] == str(programs / "postgres")
            with psycopg.connect(server.dsn("postgres", "postgres")) as connection:
                assert connection.execute("SELECT count(*) > 300 FROM pg_timezone_names").fetchone() == (True,)
        finally:
            server.stop()
