"""Makes the database and the logins of the Entra identities, before the migrations, as an Entra administrator.

Reads POSTGRES_ADMIN_DSN (of the database `postgres`; without a password a token is used), POSTGRES_DATABASE and
POSTGRES_LOGINS, which infra/payments_infra/job_specs.py writes. Repeat it as often as you like: it adds what is missing
and takes nothing away. docs/adr/0012 says why it is a program of its own.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential
from azure_postgresql_auth.core import get_entra_conninfo
from azure_postgresql_auth.errors import AzurePgEntraError
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

Connection = psycopg.Connection[Any]
# The migrations make these too. Made here, the administrator may grant them, and the migrator needs no CREATEROLE.
GROUPS: Final = ("payments_writer", "payments_operator", "payments_reader")
_LOCK: Final = 0x7061796D  # "paym": two bootstraps take turns


class BootstrapError(Exception):
    """The server is not in a state from which this program may go on; the message says what to do."""


@dataclass(frozen=True)
class Login:
    """An Entra identity (kind "service") or group ("group"). `member_of` is None for the migrator."""

    name: str
    object_id: str
    kind: str
    member_of: str | None


def main(environment: Mapping[str, str]) -> None:
    """Raises BootstrapError, or psycopg.Error where the server refuses."""
    database = _setting(environment, "POSTGRES_DATABASE")
    logins = read_logins(_setting(environment, "POSTGRES_LOGINS"))
    with psycopg.connect(_with_token(_setting(environment, "POSTGRES_ADMIN_DSN")), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        made = [*make_groups(connection), *make_logins(connection, logins)]
        made += make_database(connection, database, owner=next(login.name for login in logins if not login.member_of))
    print("\n".join(made) or "Nothing to do: the database and its logins are there.")  # noqa: T201 - a command


def read_logins(text: str) -> list[Login]:
    try:
        logins = [Login(**entry) for entry in json.loads(text)]
    except (TypeError, ValueError):
        raise BootstrapError(
            'POSTGRES_LOGINS is not a JSON list of {"name", "object_id", "kind", "member_of"}'
        ) from None
    unknown = {login.member_of for login in logins} - {None, *GROUPS}
    if unknown:
        raise BootstrapError(f"POSTGRES_LOGINS: member_of must be one of {', '.join(GROUPS)}, or null for the migrator")
    if sum(login.member_of is None for login in logins) != 1:
        raise BootstrapError(
            "POSTGRES_LOGINS must name one login without member_of: the migrator, who owns the database"
        )
    return logins


def make_groups(connection: Connection) -> list[str]:
    """The roles without login that the migrations grant rights to."""
    missing = [name for name in GROUPS if not _role_exists(connection, name)]
    for name in missing:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
    connection.execute("GRANT payments_writer TO payments_operator")
    return [f"Made the role {name}." for name in missing]


def make_logins(connection: Connection, logins: list[Login]) -> list[str]:
    """Azure's own functions make a role and tie it to the identity's object id; the name alone proves nothing."""
    rows = connection.execute(
        "SELECT login, object_id FROM pgaadauth_list_principals(false) AS p(login, kind, object_id)"
    )
    mapped = {str(name): str(object_id) for name, object_id in rows}
    made = []
    for login in logins:
        if login.name not in mapped:
            if _role_exists(connection, login.name):
                raise BootstrapError(f"The role {login.name!r} exists and is no Entra login. Rename or drop it first.")
            connection.execute(
                "SELECT pgaadauth_create_principal_with_oid(%s, %s, %s, false, false)",
                [login.name, login.object_id, login.kind],
            )
            made.append(f"Made the login {login.name}.")
        elif mapped[login.name].lower() != login.object_id.lower():
            raise BootstrapError(
                f"The login {login.name!r} belongs to another identity: the one of this name was made anew. If that is "
                f'meant, run as an administrator: SECURITY LABEL FOR "pgaadauth" ON ROLE "{login.name}" IS '
                f"'aadauth,oid={login.object_id},type={login.kind}'"
            )
        if login.member_of:
            connection.execute(
                sql.SQL("GRANT {} TO {}").format(sql.Identifier(login.member_of), sql.Identifier(login.name))
            )
    return made


def make_database(connection: Connection, name: str, *, owner: str) -> list[str]:
    """Its owner is the migrator, who needs nothing else on the server."""
    row = connection.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [name]).fetchone()
    if row is not None:
        if row[0] != owner:
            raise BootstrapError(
                f"The database {name!r} belongs to {row[0]!r} and not to the migrator {owner!r}. "
                f'As that role: ALTER DATABASE "{name}" OWNER TO "{owner}"'
            )
        return []
    # Who gives a database away must be able to become the new owner; for this moment only.
    owner_name = sql.Identifier(owner)
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE").format(owner_name))
    try:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                sql.Identifier(name), owner_name
            )
        )
    finally:
        connection.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(owner_name))
    return [f"Made the database {name}, owned by {owner}."]


def _role_exists(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone() is not None


def _setting(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise BootstrapError(f"{name} is not set; the job's definition in infra/ sets it.")
    return value


def _with_token(dsn: str) -> str:
    parts = conninfo_to_dict(dsn)
    if "password" in parts:
        return dsn
    try:
        login = get_entra_conninfo(DefaultAzureCredential())
    except (ClientAuthenticationError, AzurePgEntraError) as error:
        raise BootstrapError(f"No Microsoft Entra token for PostgreSQL: {error}") from error
    return make_conninfo(dsn, **login | {name: str(parts[name]) for name in ("user",) if name in parts})


if __name__ == "__main__":
    try:
        main(os.environ)
    except (BootstrapError, psycopg.Error) as error:
        sys.exit(f"bootstrap: {error}")
