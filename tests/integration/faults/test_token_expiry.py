"""Entra tokens expire during a run: whatever connection is made anew logs in with the token of its time."""

import base64
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from psycopg import sql
from tests.integration.books import Books
from tests.integration.events import Message, bodies, messages
from tests.integration.system import System, decode

from ingest.settings import IngestSettings
from ingest.wiring import Runtime
from payments.local.postgres import SUPERUSER, PostgresServer
from payments_storage import connect
from payments_storage.outcome import Outcome

from .everything_written import everything_written
from .fault_proxy import FaultProxy

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

IDENTITY = "ingest-managed-identity"


class Tokens:
    """A credential whose token is the role's password. With `away` set, nobody answers the request for a token."""

    def __init__(self, server: PostgresServer) -> None:
        self._dsn = server.dsn(SUPERUSER, "postgres")
        self.away = False
        self.issued: list[str] = []
        self._administer("CREATE ROLE {} LOGIN IN ROLE payments_writer")
        self.renew()

    def renew(self) -> None:
        """The tokens of before are good for nothing."""
        claims = json.dumps({"upn": IDENTITY, "iat": time.time_ns()}).encode()
        self.token = f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"
        self.issued.append(self.token)
        self._administer("ALTER ROLE {} PASSWORD {}", self.token)

    def dsn(self, writer: str) -> str:
        """That of the role, made of the writer's."""
        _, _, place = writer.rpartition("@")
        return f"postgresql://{IDENTITY}@{place}"

    def drop(self) -> None:
        self._administer("DROP ROLE {}")

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        if self.away:
            raise ClientAuthenticationError("no answer from the identity endpoint")
        return AccessToken(self.token, int(time.time()) + 3600)

    def _administer(self, statement: str, *literals: str) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            names = [sql.Identifier(IDENTITY), *map(sql.Literal, literals)]
            connection.execute(sql.SQL(statement).format(*names))


class Worker:
    """A worker process's runtime that logs in by token, through the proxy."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.books = Books()

    def deliver(self, number: int) -> Outcome:
        batch: list[Message] = messages(bodies(range(number * 2, number * 2 + 2)), first=number * 2)
        self.books.deliver(batch)
        return self._runtime.handler(decode(batch))

    def redrive(self) -> int:
        return self._runtime.pipeline.redrive.run(30).letters


@pytest.fixture
def tokens(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tokens]:
    tokens = Tokens(postgres_server)
    monkeypatch.setattr(connect, "credential", lambda _: tokens)
    yield tokens
    tokens.drop()


@pytest.fixture
def worker(database_behind: "Database", archive_behind: "ArchiveContainer", tokens: Tokens) -> Iterator[Worker]:
    settings = IngestSettings.load(
        postgres_dsn=tokens.dsn(database_behind.dsn),
        archive_connection_string=archive_behind.connection_string,
        archive_container=archive_behind.name,
        dead_letter_container=archive_behind.dead_letters,
        retry_budget_seconds=2,
    )
    with Runtime(settings) as runtime:
        runtime.pipeline.pool.timeout = 1
        yield Worker(runtime)


def test_a_run_goes_on_with_the_renewed_token(
    worker: Worker, tokens: Tokens, postgres_way: FaultProxy, system: System
) -> None:
    """What is logged in stays so; after each loss of all connections only the newest token opens new ones."""
    for number in range(0, 6, 2):
        assert worker.deliver(number).archived == 2
        tokens.renew()
        assert worker.deliver(number + 1).archived == 2
        postgres_way.cut_all()
    assert worker.deliver(6).archived == 2
    assert system.state() == worker.books.state()


def test_a_token_that_is_not_to_be_had_for_a_while_is_a_database_that_is_away(
    worker: Worker, tokens: Tokens, postgres_way: FaultProxy, system: System
) -> None:
    assert worker.deliver(0).archived == 2
    tokens.away = True
    postgres_way.cut_all()
    assert worker.deliver(1).dead_lettered == 2
    tokens.away = False
    assert worker.deliver(2).archived == 2
    assert worker.redrive() == 1
    assert system.state() == worker.books.state()


def test_no_token_is_written_anywhere_when_it_is_refused(
    worker: Worker, tokens: Tokens, postgres_way: FaultProxy, postgres_server: PostgresServer
) -> None:
    """The server's log tells of failed logins; every logger is at DEBUG."""
    with everything_written([postgres_server.log]) as written:
        assert worker.deliver(0).archived == 2
        expired = tokens.token
        tokens.renew()
        tokens.token = expired
        postgres_way.cut_all()
        assert worker.deliver(1).dead_lettered == 2
        text = written.text()
    assert "password authentication failed" in text
    assert len(tokens.issued) == 2
    assert not any(token.split(".")[1] in text for token in tokens.issued)
