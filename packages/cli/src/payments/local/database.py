"""The logins and the databases of a local server.

In Azure the same group roles are granted to managed identities; here they have one login each:
`migrator` owns the databases, `ingest` writes, `analyst` reads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from payments.local.postgres import SUPERUSER, PostgresServer

MIGRATOR, WRITER, READER = "migrator", "ingest", "analyst"
_GRANTS_WITH_OPTIONS = 160_000
# The migrations create these too, where they are absent; here they come first, so that the logins can be members.
_GROUPS = {"payments_writer": WRITER, "payments_reader": READER}


def create_logins(server: PostgresServer) -> None:
    """Create the roles that are missing."""
    with _superuser(server) as connection:
        there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for login in {MIGRATOR, WRITER, READER} - there:
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


def create_database(server: PostgresServer, name: str, template: str = "template1") -> None:
    with _superuser(server) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(MIGRATOR), sql.Identifier(template)
            )
        )


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
