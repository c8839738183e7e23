"""Writes database/schema.sql, the current truth, from a database that the migrations made: `make schema`.

pg_dump itself and not `dbmate dump`, which leaves the grants out.
"""

import os
import re
import subprocess

import psycopg
from psycopg.conninfo import conninfo_to_dict

from payments.local import state
from payments.local.binaries import postgres_programs
from payments.local.database import MIGRATOR, create_database, create_logins
from payments.local.migrate import apply_migrations
from payments.local.place import CLONE, temporary_place
from payments.local.postgres import PostgresServer

SCHEMA = CLONE / "database" / "schema.sql"
_DATABASE = "schema"
_ENVIRONMENT = {
    "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
}  # fmt: skip
# Differ from dump to dump (a random key) and from one minor version of PostgreSQL to the next.
_ACCIDENTAL = re.compile(r"^(\\(un)?restrict .*|-- Dumped (from|by) .*)\n", re.MULTILINE)


def dump_schema(dsn: str) -> str:
    """Everything of the database that is no data, but for the migrations that it counts as applied."""
    login = {_ENVIRONMENT[name]: str(value) for name, value in conninfo_to_dict(dsn).items()}
    dumped = subprocess.run(
        [postgres_programs() / "pg_dump", "--schema-only", "--no-owner"],
        env=os.environ | login, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT version FROM schema_migrations ORDER BY version").fetchall()
    versions = ",\n".join(f"    ('{version}')" for (version,) in rows)
    text = re.sub(r"\n{3,}", "\n\n", _ACCIDENTAL.sub("", dumped)).strip()
    return f"{text}\n\nINSERT INTO public.schema_migrations (version) VALUES\n{versions};\n"


def write() -> None:
    with temporary_place() as place:
        server = PostgresServer(place, state.fresh(place.folder))
        try:
            server.start()
            create_logins(server)
            create_database(server, _DATABASE)
            dsn = server.dsn(MIGRATOR, _DATABASE)
            apply_migrations(dsn)
            SCHEMA.write_text(dump_schema(dsn), encoding="utf-8")
        finally:
            server.stop()


if __name__ == "__main__":
    write()
