"""The bootstrap on a real PostgreSQL: an administrator who is no superuser, with stand-ins for Azure's two functions.

What the stand-ins cannot show: that Azure's functions do what Microsoft's documentation says of them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from payments.errors import UserError
from payments.local.migrate import migrate
from payments.local.place import temporary_place
from payments.local.postgres import SUPERUSER, PostgresServer
from payments.local.state import fresh

PROGRAM = Path(__file__).parents[1] / "bootstrap.py"
ADMIN, MIGRATE, INGEST, ANALYSTS, OPERATE = (
    "id-payments-bootstrap-test",
    "id-payments-migrate-test",
    "id-ingest",
    "Analysts (EU)",
    "id-operate",
)
LOGINS: list[dict[str, str | None]] = [
    {"name": MIGRATE, "object_id": "oid-migrate", "kind": "service", "member_of": None},
    {"name": INGEST, "object_id": "oid-ingest", "kind": "service", "member_of": "payments_writer"},
    {"name": ANALYSTS, "object_id": "oid-analysts", "kind": "group", "member_of": "payments_reader"},
    {"name": OPERATE, "object_id": "oid-operate", "kind": "service", "member_of": "payments_operator"},
]
# As Azure's, as far as documented: they live in the database `postgres`, and an Entra administrator may call them. The
# login's password stands for the token that PostgreSQL accepts from the identity.
STAND_INS = """
CREATE TABLE principals (login text, kind text, object_id text, tenant_id text, mfa boolean, admin boolean);
CREATE FUNCTION pgaadauth_list_principals(only_admins boolean) RETURNS SETOF principals
    LANGUAGE sql AS 'SELECT * FROM principals WHERE admin OR NOT only_admins';
CREATE FUNCTION pgaadauth_create_principal_with_oid(login text, object_id text, kind text, admin boolean, mfa boolean)
    RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE ROLE %I LOGIN PASSWORD %L', login, '{password}');
    INSERT INTO principals VALUES (login, kind, object_id, 'tenant', mfa, admin);
    RETURN 'Created role for ' || login;
END $$;
"""


@dataclass(frozen=True)
class NewServer:
    """As Azure hands it over: an Entra administrator, and nothing of ours."""

    server: PostgresServer

    def bootstrap(self, logins: object = LOGINS, **changes: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "POSTGRES_ADMIN_DSN": self.server.dsn(ADMIN, "postgres"),
            "POSTGRES_DATABASE": "payments",
            "POSTGRES_LOGINS": json.dumps(logins),
        }
        return subprocess.run(
            [sys.executable, PROGRAM],
            env=os.environ | environment | changes,
            check=False,
            capture_output=True,
            text=True,
        )

    def one(self, login: str, question: str, database: str = "payments") -> object:
        with psycopg.connect(self.server.dsn(ADMIN, database), user=login) as connection:
            row = connection.execute(question.encode()).fetchone()
        return row[0] if row else None


@pytest.fixture(scope="module")
def running_server() -> Iterator[PostgresServer]:
    """One of its own: roles belong to a whole server."""
    with temporary_place() as place:
        server = PostgresServer(place, fresh(place.folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture
def azure(running_server: PostgresServer) -> Iterator[NewServer]:
    superuser = running_server.dsn(SUPERUSER, "postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        password = running_server.password
        connection.execute(f"CREATE ROLE \"{ADMIN}\" LOGIN CREATEROLE CREATEDB PASSWORD '{password}'".encode())
        connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    with psycopg.connect(running_server.dsn(ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(STAND_INS.replace("{password}", password).encode())
    yield NewServer(running_server)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS payments WITH (FORCE)")
        connection.execute(f'DROP OWNED BY "{ADMIN}" CASCADE'.encode())
        rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'").fetchall()
        for (role,) in sorted(rows, key=lambda row: row[0] == ADMIN):
            connection.execute(psycopg.sql.SQL("DROP ROLE {}").format(psycopg.sql.Identifier(role)))


pytestmark = pytest.mark.services


def test_after_the_bootstrap_the_migrator_migrates_the_writer_writes_and_the_reader_reads(azure: NewServer) -> None:
    assert azure.bootstrap().returncode == 0
    migrate(azure.server.dsn(MIGRATE, "payments"))
    may = "SELECT has_table_privilege('{}', '{}')"
    assert azure.one(INGEST, may.format("ingested_events", "INSERT")) is True
    assert azure.one(ANALYSTS, may.format("payment_metrics_5m", "SELECT")) is True
    assert azure.one(ANALYSTS, may.format("payment_metrics_5m", "INSERT")) is False
    assert azure.one(OPERATE, may.format("ingested_events", "INSERT")) is True
    assert azure.one(OPERATE, may.format("rebuilt_files", "TRUNCATE")) is True
    assert azure.one(INGEST, may.format("rebuilt_files", "TRUNCATE")) is False


def test_an_older_installation_gets_the_operators_role_from_the_bootstrap_and_is_told_so(azure: NewServer) -> None:
    """The migrator there may make no role; until the bootstrap of this release has run nothing is changed."""
    older = [login for login in LOGINS if login["name"] != OPERATE]
    azure.bootstrap([*older, {**LOGINS[3], "member_of": "payments_writer"}])
    with psycopg.connect(azure.server.dsn(ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute("DROP ROLE payments_operator")  # which that release did not know
    with pytest.raises(UserError, match="In Azure the bootstrap job does it"):
        migrate(azure.server.dsn(MIGRATE, "payments"))
    assert azure.bootstrap().stdout.strip() == "Made the role payments_operator."
    migrate(azure.server.dsn(MIGRATE, "payments"))
    assert azure.one(OPERATE, "SELECT has_table_privilege('rebuilt_files', 'TRUNCATE')") is True


def test_nobody_of_the_workloads_may_make_roles_or_databases(azure: NewServer) -> None:
    azure.bootstrap()
    for login in (MIGRATE, INGEST, ANALYSTS, OPERATE):
        question = "SELECT rolcreaterole OR rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        assert azure.one(login, question) is False, login


def test_the_administrator_does_not_stay_a_member_of_the_migrator(azure: NewServer) -> None:
    azure.bootstrap()
    assert azure.one(ADMIN, f"SELECT pg_has_role(current_user, '{MIGRATE}', 'SET')", "postgres") is False


def test_a_second_run_changes_nothing_and_says_so(azure: NewServer) -> None:
    first, second = azure.bootstrap(), azure.bootstrap()
    assert "Made the database payments" in first.stdout
    assert second.stdout.strip() == "Nothing to do: the database and its logins are there."


def test_a_login_that_is_added_later_is_made_and_joins_its_group(azure: NewServer) -> None:
    azure.bootstrap(LOGINS[:2])
    assert "Made the login Analysts (EU)" in azure.bootstrap().stdout
    assert azure.one(ANALYSTS, "SELECT pg_has_role(current_user, 'payments_reader', 'USAGE')") is True


def test_an_identity_of_the_same_name_but_another_object_id_does_not_get_the_login(azure: NewServer) -> None:
    azure.bootstrap()
    impostor = [{**login, "object_id": "oid-new"} if login["name"] == INGEST else login for login in LOGINS]
    refused = azure.bootstrap(impostor)
    assert refused.returncode == 1
    assert "belongs to another identity" in refused.stderr
    assert "oid=oid-new,type=service" in refused.stderr


def test_a_role_that_is_no_entra_login_is_not_taken_over(azure: NewServer) -> None:
    with psycopg.connect(azure.server.dsn(ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{INGEST}" NOLOGIN'.encode())
    refused = azure.bootstrap()
    assert refused.returncode == 1
    assert "is no Entra login" in refused.stderr


def test_a_database_of_somebody_else_is_not_used(azure: NewServer) -> None:
    with psycopg.connect(azure.server.dsn(ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE payments")
    refused = azure.bootstrap()
    assert refused.returncode == 1
    assert f'ALTER DATABASE "payments" OWNER TO "{MIGRATE}"' in refused.stderr


@pytest.mark.parametrize(
    ("logins", "reason"),
    [
        ({"name": "x"}, "is not a JSON list"),
        ([{**LOGINS[1], "member_of": "postgres"}], "member_of must be one of"),
        (LOGINS[1:], "one login without member_of"),
        ([LOGINS[0], LOGINS[0]], "one login without member_of"),
    ],
)
def test_a_list_of_logins_that_makes_no_sense_is_refused_before_anything_is_done(
    azure: NewServer, logins: object, reason: str
) -> None:
    refused = azure.bootstrap(logins)
    assert refused.returncode == 1
    assert reason in refused.stderr
    assert azure.one(ADMIN, "SELECT count(*) FROM pg_roles WHERE rolname = 'payments_writer'", "postgres") == 0


def test_a_setting_that_is_missing_is_named(azure: NewServer) -> None:
    refused = azure.bootstrap(POSTGRES_DATABASE="")
    assert refused.returncode == 1
    assert "POSTGRES_DATABASE is not set" in refused.stderr
