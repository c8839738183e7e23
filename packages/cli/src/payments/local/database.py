"""The logins and the databases of a local server.

In Azure the same group roles are granted to managed identities; here they have one login each:
`migrator` owns the databases, `ingest` writes, `operator` also rebuilds, `analyst` reads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from payments.local.postgres import SUPERUSER, PostgresServer

MIGRATOR, WRITER, OPERATOR, READER = "migrator", "ingest", "operator", "analyst"
_GRANTS_WITH_OPTIONS = 160_000
# The migrations create these too, where they are absent; here they come first, so that the logins can be members.
_GROUPS = {"payments_writer": WRITER, "payments_operator": OPERATOR, "payments_reader": READER}

# What CREATE DATABASE ... TEMPLATE leaves behind: settings and privileges of the database itself.
_NOT_COPIED = """
    SELECT format(
        'ALTER DATABASE %%I SET %%s = %%L', %(name)s::text, split_part(setting, '=', 1), split_part(setting, '=', 2)
    )
    FROM pg_database JOIN pg_db_role_setting ON setdatabase = oid AND setrole = 0, unnest(setconfig) AS setting
    WHERE datname = %(template)s::text
    UNION ALL
    SELECT format('REVOKE ALL ON DATABASE %%I FROM PUBLIC', %(name)s::text)
    UNION ALL
    SELECT format('GRANT %%s ON DATABASE %%I TO %%I', privilege_type, %(name)s::text, grantee::regrole)
    FROM pg_database, aclexplode(datacl)
    WHERE datname = %(template)s::text AND grantee <> 0 AND grantee <> datdba
"""


def create_logins(server: PostgresServer) -> None:
    """Create the roles that are missing."""
    with _superuser(server) as connection:
        there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for login in {MIGRATOR, WRITER, OPERATOR, READER} - there:
            rights = sql.SQL("CREATEROLE" if login == MIGRATOR else "NOCREATEROLE")
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                    sql.Identifier(login), rights, sql.Literal(server.password)
                )
            )
        for group, member in _GROUPS.items():
            if group not in there:
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(group)))
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(member)))
            # What PostgreSQL gives to the creator of a role: the migrator would be that on a server without us.
            # Before 16 a role with CREATEROLE may grant any group, and the options are not known.
            if connection.info.server_version >= _GRANTS_WITH_OPTIONS:
                connection.execute(
                    sql.SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE").format(
                        sql.Identifier(group), sql.Identifier(MIGRATOR)
                    )
                )
        connection.execute("GRANT payments_writer TO payments_operator")


def create_database(server: PostgresServer, name: str, template: str | None = None) -> None:
    """An empty one, or a copy of a migrated one, with its time limits and without rights for everybody as that has."""
    with _superuser(server) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(MIGRATOR), sql.Identifier(template or "template1")
            )
        )
        if template is not None:
            for (statement,) in connection.execute(_NOT_COPIED, {"name": name, "template": template}).fetchall():
                connection.execute(statement)


def has_database(server: PostgresServer, name: str) -> bool:
    with _superuser(server) as connection:
        return connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def drop_database(server: PostgresServer, name: str) -> None:
    """Drop the database if it is there, and cut off whoever is connected to it."""
    with _superuser(server) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _superuser(server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
        yield connection
