"""Migrating: repeatable, safe to run twice at once, under the limits that it sets, and clear when it cannot."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typer.testing import CliRunner

from payments.commands import migrate as command
from payments.errors import Status, UserError
from payments.local import migrate as runner
from payments.local.database import MIGRATOR, READER, WRITER, create_database, drop_database
from payments.local.migrate import MIGRATIONS, apply_migrations, migrate
from payments.local.postgres import PostgresServer
from payments.main import app

if TYPE_CHECKING:
    from conftest import Database

FILES = sorted(file.name for file in MIGRATIONS.glob("*.sql"))


@pytest.fixture
def own_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runner, "MIGRATIONS", tmp_path)
    return tmp_path


def test_migrate_makes_todays_partitions_and_can_be_repeated(empty_dsn: str) -> None:
    migrate(empty_dsn)
    migrate(empty_dsn)
    with psycopg.connect(empty_dsn) as connection:
        for table in ("ingested_events", "dynamic_metrics"):
            today = f"{table}_{datetime.now(UTC):%Y%m%d}"
            found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [today]).fetchone()
            assert found == (True,), f"{today} is missing"


def test_two_migrations_at_once_apply_each_file_once(empty_dsn: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        applied = list(threads.map(apply_migrations, [empty_dsn, empty_dsn]))
    assert sorted(applied) == [[], FILES]


def test_two_databases_of_one_server_migrate_at_once(postgres_server: PostgresServer) -> None:
    names = ["neighbour_1", "neighbour_2"]
    for name in names:
        create_database(postgres_server, name)
    with ThreadPoolExecutor(2) as threads:
        applied = list(threads.map(lambda name: apply_migrations(postgres_server.dsn(MIGRATOR, name)), names))
    assert applied == [FILES, FILES]
    for name in names:
        drop_database(postgres_server, name)


def test_a_role_that_another_database_creates_at_this_moment_is_no_error(empty_dsn: str) -> None:
    """The server of the tests has the roles already, so this runs the migration's block under other names."""
    text = (MIGRATIONS / FILES[0]).read_text(encoding="utf-8")
    block = text[text.index("DO $$") : text.index("$$;") + len("$$;")].encode()
    names = b"racing_writer", b"racing_reader"
    for old, new in zip((b"payments_writer", b"payments_reader"), names, strict=True):
        assert old in block
        block = block.replace(old, new)
    with (
        psycopg.connect(empty_dsn) as first,
        psycopg.connect(empty_dsn, autocommit=True) as second,
        ThreadPoolExecutor(1) as thread,
    ):
        first.execute(block)
        waiting = thread.submit(second.execute, block)
        with pytest.raises(TimeoutError):
            waiting.result(0.3)  # it does wait for the name
        first.commit()
        waiting.result()
        roles = first.execute("SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'racing%'").fetchall()
        assert sorted(roles) == [("racing_reader", False), ("racing_writer", False)]
        first.execute("DROP ROLE racing_writer, racing_reader")


def test_the_operators_role_is_made_where_it_is_missing_and_joins_the_writers(empty_dsn: str) -> None:
    """The same for its migration: in two databases at once, and once more where all is there."""
    (file,) = MIGRATIONS.glob("*_operator.sql")
    text = file.read_text(encoding="utf-8")
    block = text[text.index("DO $$") : text.index("$$;") + len("$$;")].encode()
    for old, new in ((b"payments_operator", b"racing_operator"), (b"payments_writer", b"racing_writer")):
        assert old in block
        block = block.replace(old, new)
    with (
        psycopg.connect(empty_dsn) as first,
        psycopg.connect(empty_dsn, autocommit=True) as second,
        ThreadPoolExecutor(1) as thread,
    ):
        second.execute("CREATE ROLE racing_writer NOLOGIN")
        first.execute(block)
        waiting = thread.submit(second.execute, block)
        with pytest.raises(TimeoutError):
            waiting.result(0.3)
        first.commit()
        waiting.result()
        second.execute(block)
        member = "SELECT pg_has_role('racing_operator', 'racing_writer', 'USAGE')"
        assert first.execute(member).fetchone() == (True,)
        first.execute("DROP ROLE racing_operator, racing_writer")


def limits_of(dsn: str) -> list[str]:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with psycopg.connect(dsn) as connection:
        rows = [connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone() for name in names]
    return [row[0] for row in rows if row]


def test_limits_hold_for_every_login_of_the_database(postgres_server: PostgresServer, empty_database: str) -> None:
    apply_migrations(postgres_server.dsn(MIGRATOR, empty_database))
    for login in (WRITER, READER):
        assert limits_of(postgres_server.dsn(login, empty_database)) == ["1min", "10s", "1min"]


def test_the_copies_that_tests_work_on_have_the_limits_too(database: Database) -> None:
    assert limits_of(database.dsn) == ["1min", "10s", "1min"]


def test_only_members_connect_and_nobody_makes_temporary_tables(
    postgres_server: PostgresServer, empty_database: str
) -> None:
    owner = postgres_server.dsn(MIGRATOR, empty_database)
    apply_migrations(owner)
    writer = psycopg.connect(postgres_server.dsn(WRITER, empty_database))
    with writer, pytest.raises(errors.InsufficientPrivilege):
        writer.execute("CREATE TEMPORARY TABLE mine ()")
    with psycopg.connect(owner) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE stranger LOGIN PASSWORD {}").format(sql.Literal(postgres_server.password))
        )
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(postgres_server.dsn("stranger", empty_database))
    with psycopg.connect(owner) as connection:
        connection.execute("DROP ROLE stranger")


def test_a_migration_may_take_longer_than_the_database_allows(empty_dsn: str, own_migrations: Path) -> None:
    (own_migrations / "1_limit.sql").write_text(
        "-- migrate:up\nDO $$ BEGIN EXECUTE format("
        "'ALTER DATABASE %I SET statement_timeout = 100', current_database()); END $$;\n-- migrate:down\n"
    )
    (own_migrations / "2_slow.sql").write_text("-- migrate:up\nSELECT pg_sleep(0.3);\n-- migrate:down\n")
    apply_migrations(empty_dsn)
    with psycopg.connect(empty_dsn) as connection, pytest.raises(errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(0.3)")


def test_a_failing_migration_is_named_and_leaves_nothing(empty_dsn: str, own_migrations: Path) -> None:
    (own_migrations / "1_good.sql").write_text("-- migrate:up\nCREATE TABLE good ();\n-- migrate:down\n")
    (own_migrations / "2_bad.sql").write_text(
        "-- migrate:up\nCREATE TABLE half ();\nCREATE TABLE good ();\n-- migrate:down\n"
    )
    with pytest.raises(UserError, match='relation "good" already exists'):
        apply_migrations(empty_dsn)
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("SELECT to_regclass('good') IS NULL, to_regclass('half')").fetchone() == (False, None)


@pytest.mark.parametrize("password", ["p@ss/w:rd%", "with space+plus", "ünïcode?#[]"])
def test_any_password_and_database_name_reaches_dbmate(postgres_server: PostgresServer, password: str) -> None:
    name = "odd name/ü?"
    create_database(postgres_server, name)
    owner = postgres_server.dsn(MIGRATOR, "postgres")
    with psycopg.connect(owner) as connection:
        connection.execute(sql.SQL("CREATE ROLE odd LOGIN PASSWORD {}").format(sql.Literal(password)))
    with pytest.raises(UserError, match="permission denied") as refused:
        apply_migrations(make_conninfo(owner, user="odd", password=password, dbname=name))
    assert password not in str(refused.value)
    drop_database(postgres_server, name)
    with psycopg.connect(owner) as connection:
        connection.execute("DROP ROLE odd")


def test_the_command_reports_what_it_did(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_MIGRATOR_DSN", empty_dsn)
    result = CliRunner().invoke(app, ["migrate"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        *(f"Applied {file}" for file in FILES),
        f"{len(FILES)} migrations applied, 20 partitions made.",
    ]
    assert "0 migrations applied, 0 partitions made." in CliRunner().invoke(app, ["migrate"]).stdout


def test_the_command_logs_in_with_an_entra_token_where_there_is_no_password(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token of an identity is its password; a user that the connection string names is kept."""
    parts = conninfo_to_dict(empty_dsn)
    secret = parts.pop("password")
    monkeypatch.setenv("POSTGRES_MIGRATOR_DSN", make_conninfo("", **parts))
    monkeypatch.delenv("POSTGRES_AUTH", raising=False)
    monkeypatch.setattr(command, "get_entra_conninfo", lambda _: {"user": "identity", "password": secret})
    result = CliRunner().invoke(app, ["migrate"])
    assert result.exit_code == 0, result.output
    assert f"{len(FILES)} migrations applied" in result.stdout
    del parts["sslmode"]  # said nothing, TLS is required: a token is worth an hour of the database
    monkeypatch.setenv("POSTGRES_MIGRATOR_DSN", make_conninfo("", **parts))
    assert "SSL is not enabled on the server" in CliRunner().invoke(app, ["migrate"]).stderr


@pytest.mark.parametrize(
    ("dsn", "status", "message"),
    [
        ("postgresql://m:s3cret@127.0.0.1:1/payments", Status.FOUND_WRONG, "connection refused"),
        ("postgresql://m:s3 cret@127.0.0.1:x y/payments", Status.WRONG_USAGE, "cannot be read"),
        ("", Status.WRONG_USAGE, "Set POSTGRES_MIGRATOR_DSN"),
    ],
)
def test_the_command_says_what_to_do_and_no_password(
    dsn: str, status: Status, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_MIGRATOR_DSN", dsn)
    monkeypatch.setenv("ARCHIVE_CONTAINER", "something is configured")
    monkeypatch.delenv("POSTGRES_DSN", raising=False)
    result = CliRunner().invoke(app, ["migrate"])
    assert result.exit_code == status
    assert message in result.stderr
    assert "cret" not in result.output
