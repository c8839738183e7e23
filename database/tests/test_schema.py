"""schema.sql, the migrations and the database that they make are the same thing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from payments.local.migrate import MIGRATIONS, apply_migrations
from payments.local.schema import SCHEMA, dump_schema

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Database


@pytest.fixture
def current_dsn(empty_dsn: str) -> str:
    """An empty database on a server that can read schema.sql."""
    with psycopg.connect(empty_dsn) as connection:
        version = connection.info.server_version
    if version < 17_00_00:
        pytest.skip(
            f"pg_dump writes a setting into schema.sql that PostgreSQL has from 17 on; this is {version // 10000}"
        )
    return empty_dsn


def test_schema_sql_is_what_the_migrations_make(current_dsn: str) -> None:
    apply_migrations(current_dsn)
    assert dump_schema(current_dsn) == SCHEMA.read_text(encoding="utf-8"), "run `make schema`"


def test_schema_sql_alone_makes_the_same_database(current_dsn: str) -> None:
    text = SCHEMA.read_bytes()
    with psycopg.connect(current_dsn) as connection:
        connection.execute(text)
    assert dump_schema(current_dsn) == text.decode()


def test_a_database_made_from_schema_sql_counts_as_migrated(current_dsn: str) -> None:
    with psycopg.connect(current_dsn) as connection:
        connection.execute(SCHEMA.read_bytes())
    assert apply_migrations(current_dsn) == []


def test_no_migration_can_be_rolled_back_by_accident() -> None:
    """An empty down section would succeed, and dbmate would run the migration a second time."""

    def down(migration: Path) -> str:
        return migration.read_text(encoding="utf-8").split("-- migrate:down")[1]

    files = sorted(MIGRATIONS.glob("*.sql"))
    assert files
    assert [file.name for file in files if "RAISE EXCEPTION" not in down(file)] == []


def test_a_migration_that_takes_something_away_says_since_when_nobody_uses_it() -> None:
    """It runs before the new code, while the released code still works: docs/adr/0015."""
    taking = r"\b(DROP (TABLE|COLUMN|FUNCTION|VIEW) (IF EXISTS )?\w|RENAME\b|SET NOT NULL|ALTER COLUMN \w+ .*TYPE)"
    texts = {file.name: file.read_text(encoding="utf-8") for file in MIGRATIONS.glob("*.sql")}
    # Not looked at: comments, and what stands in quotes, which a function will do to tables of its own making.
    bare = {name: re.sub("--[^\n]*|'[^']*'", "", text) for name, text in texts.items()}
    takers = [name for name, text in bare.items() if re.search(taking, text, re.IGNORECASE)]
    unexplained = [name for name in takers if not re.search("^-- contract: .*release", texts[name], re.MULTILINE)]
    assert unexplained == [], "say in a line `-- contract: ...` since which release no code uses what goes"


def test_every_table_and_function_for_others_says_what_it_is(database: Database) -> None:
    with psycopg.connect(database.migrator_dsn) as connection:
        silent = connection.execute(
            """
            SELECT relname FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'schema_migrations'
                AND relname !~ '_[0-9]{8}$' AND obj_description(oid, 'pg_class') IS NULL
            UNION ALL
            SELECT proname FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND has_function_privilege('payments_operator', oid, 'EXECUTE')
                AND obj_description(oid, 'pg_proc') IS NULL
            """
        ).fetchall()
    assert silent == []
