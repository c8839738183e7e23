"""Where a pair of local servers keeps its files, and the account that PostgreSQL runs as.

An ordinary user has everything in <clone>/.local. PostgreSQL refuses to run as root, and the account that root lends it
may not be allowed into the clone (/root has mode 700); so root keeps everything in a folder of its own under /var/tmp,
one for each clone, and nobody's permissions are changed but that folder's.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from payments.errors import UserError

CLONE = Path(__file__).resolve().parents[5]
LOCAL = CLONE / ".local"
_ROOTS_PARENT = Path("/var/tmp")  # noqa: S108 - not /tmp: survives a restart; the folder in it is checked by _own
_UNPRIVILEGED = "nobody"
_TEST_PREFIX = "payments-test-"


@dataclass(frozen=True)
class Account:
    """An operating system account other than ours."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    """`account` is None when PostgreSQL runs as we do. What runs in a `temporary` place ends with this process."""

    folder: Path
    account: Account | None
    temporary: bool = False


def clone_place() -> Place:
    """The place of this clone's services; nothing is created."""
    account = _server_account()
    if account is None:
        return Place(LOCAL, None)
    digest = hashlib.sha256(bytes(CLONE)).hexdigest()[:12]
    return Place(_ROOTS_PARENT / f"payments-ingest-{digest}", account)


def create(place: Place) -> None:
    _own(place.folder, place.account)


@contextmanager
def only_one() -> Iterator[None]:
    """Hold this clone's lock: one command at a time starts, stops or deletes the services."""
    _own(LOCAL, None)
    with (LOCAL / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def temporary_place() -> Iterator[Place]:
    """A place that is deleted afterwards. Places that killed processes left behind are deleted first."""
    account = _server_account()
    parent = Path(tempfile.gettempdir()) if account is None else _ROOTS_PARENT
    for abandoned in parent.glob(f"{_TEST_PREFIX}*/lock"):
        _delete_unless_locked(abandoned)
    folder = Path(tempfile.mkdtemp(prefix=_TEST_PREFIX, dir=parent))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            place = Place(folder, account, temporary=True)
            create(place)
            yield place
        finally:
            shutil.rmtree(folder)


def _delete_unless_locked(path: Path) -> None:
    try:
        with path.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)
    except OSError:  # in use, another user's, or just gone
        return


def _server_account() -> Account | None:
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise UserError(
            f"PostgreSQL refuses to run as root, and this system has no account {_UNPRIVILEGED!r} to run it as. "
            f"Create it (useradd --system --no-create-home {_UNPRIVILEGED}), or run this command as an ordinary user."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _own(folder: Path, account: Account | None) -> None:
    """Create `folder`, or make sure that it is ours: under /var/tmp anybody can create a folder of any name."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise UserError(f"Cannot create the folder {folder}: {error.strerror}.") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise UserError(
            f"{folder} belongs to another user (id {found.st_uid}) or is no folder. Run this command as that user, "
            "or have the folder removed and try again."
        )
    if account is None:
        folder.chmod(0o700)
        return
    try:
        os.chown(folder, -1, account.gid)
        folder.chmod(0o710)  # the account may enter, and neither list nor change
        entered = subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$0"', folder],
            user=account.uid, group=account.gid, extra_groups=[], check=False, cwd="/", capture_output=True,
        )  # fmt: skip
    except OSError as error:
        raise UserError(
            f"PostgreSQL refuses to run as root, and this process may not become {account.name!r} ({error.strerror}). "
            "Run this command as an ordinary user, or give the container the capabilities SETUID, SETGID and CHOWN."
        ) from error
    if entered.returncode != 0:
        raise UserError(
            f"The account {account.name!r}, which PostgreSQL runs as, may not enter {folder}. "
            f"Let it pass through {folder.parent} (mode 1777 is usual), or run this command as an ordinary user."
        )
