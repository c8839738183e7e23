"""Brings a database to the state of database/migrations, and makes the partitions around today.

The migrations are run by the `dbmate` program. Safe to repeat, and to run twice at once: the second waits and finds
nothing to do.
"""

import os
import re
import subprocess
import sysconfig
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from payments.errors import UserError
from payments.local.place import CLONE
from payments_storage.errors import database_errors

MIGRATIONS = CLONE / "database" / "migrations"
# What both libpq and dbmate's driver understand; it would send anything else to the server as a setting.
_COMMON_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "application_name")
# A local system has no timer that makes partitions; a week lasts for a day's work and for the timer's first run.
_DAYS_BACK, _DAYS_AHEAD = timedelta(days=1), timedelta(days=7)


def migrate(dsn: str) -> None:
    """Do both. `dsn` is a libpq connection string of the database's owner."""
    apply_migrations(dsn)
    make_partitions(dsn)


def apply_migrations(dsn: str) -> list[str]:
    """Apply what is not applied yet, each file in a transaction of its own. Returns the files' names."""
    program = Path(sysconfig.get_path("scripts"), "dbmate")
    if not program.exists():
        raise UserError(f"dbmate is not installed ({program} is missing). Run `make setup`.")
    done = subprocess.run(
        [
            program, "--env-file", os.devnull, "--migrations-dir", MIGRATIONS, "--no-dump-schema", "--migration-lock",
            "migrate",
        ],
        env=os.environ | {"DATABASE_URL": _url(dsn)},  # not an argument: those are visible to every user
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip()
        raise UserError(
            f"The migrations in {MIGRATIONS} cannot be applied: {reason}\nWhat came before is kept, nothing of the one "
            "that failed. Migrating needs the database's owner; set its connection string as POSTGRES_MIGRATOR_DSN."
        )
    return re.findall(r"^Applied: (\S+)", done.stdout, re.MULTILINE)


def make_partitions(dsn: str) -> list[str]:
    """Make those of yesterday to a week ahead, and of this month and the next. Returns what was missing."""
    today = datetime.now(UTC).date()
    with database_errors(), psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT partition FROM ensure_partitions(%s, %s)"
            " UNION ALL SELECT partition FROM ensure_failed_items_partitions(%s)",
            [today - _DAYS_BACK, today + _DAYS_AHEAD, today],
        ).fetchall()
    return [name for (name,) in rows]


def _url(dsn: str) -> str:
    """The connection string as dbmate takes it. A migration may take longer than the database allows its statements."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    login = ":".join(quote(parts[name], safe="") for name in ("user", "password") if name in parts)
    options = {name: parts[name] for name in _COMMON_OPTIONS if name in parts} | {"statement_timeout": "0"}
    return (
        f"postgres://{login}{'@' if login else ''}{parts.get('host', 'localhost')}:{parts.get('port', '5432')}"
        f"/{quote(parts.get('dbname', ''), safe='')}?{urlencode(options)}"
    )
