"""Logging in with tokens, on a real PostgreSQL that takes them for passwords; and giving Blob Storage up."""

import base64
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import psycopg
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from psycopg import sql

from payments.local.postgres import SUPERUSER, PostgresServer
from payments_storage import connect
from payments_storage.connect import open_connection, open_container, open_pool
from payments_storage.errors import TransientStorageError
from payments_storage.settings import StorageSettings

IDENTITY = "ingest-identity"
ROLE = "named-in-the-dsn"
WHO = "SELECT current_user"


class Tokens:
    """A credential whose token is, at any time, the password of two roles of the server."""

    def __init__(self, server: PostgresServer) -> None:
        self._dsn = server.dsn(SUPERUSER, "postgres")
        self.asked = 0
        self.renew()

    def renew(self) -> None:
        claims = json.dumps({"upn": IDENTITY, "iat": time.time_ns()}).encode()
        self.token = f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            for role in (IDENTITY, ROLE):
                if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchall():
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
                change = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(self.token))
                connection.execute(change)

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        self.asked += 1
        return AccessToken(self.token, int(time.time()) + 3600)


@pytest.fixture
def tokens(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    tokens = Tokens(postgres_server)
    monkeypatch.setattr(connect, "credential", lambda _: tokens)
    return tokens


def settings(server: PostgresServer, user: str = "", tail: str = "?sslmode=disable") -> StorageSettings:
    return StorageSettings.load(
        postgres_dsn=f"postgresql://{user}{server.address}/postgres{tail}",
        postgres_pool_size=1,
        archive_account_url="https://acc.blob.core.windows.net",
    )


def test_each_new_connection_logs_in_with_the_token_of_its_time(
    postgres_server: PostgresServer, tokens: Tokens
) -> None:
    """The pool outlives a token: what was logged in stays, what is lost comes back with the renewed one."""
    with open_pool(settings(postgres_server)) as pool:
        with pool.connection() as connection:
            tokens.renew()
            asked = tokens.asked
            assert connection.execute(WHO).fetchone() == (IDENTITY,)
            connection.close()
        with pool.connection() as connection:
            assert connection.execute(WHO).fetchone() == (IDENTITY,)
    assert tokens.asked > asked


@pytest.mark.usefixtures("tokens")
def test_a_user_in_the_connection_string_is_the_role_to_log_in_as(postgres_server: PostgresServer) -> None:
    with open_connection(settings(postgres_server, user=f"{ROLE}@")) as connection:
        assert connection.execute(WHO).fetchone() == (ROLE,)


@pytest.mark.usefixtures("tokens")
def test_a_token_travels_over_tls_unless_the_connection_string_says_otherwise(postgres_server: PostgresServer) -> None:
    with pytest.raises(TransientStorageError, match="does not support SSL"):
        open_connection(settings(postgres_server, tail=""))


@pytest.mark.usefixtures("tokens")
def test_a_stricter_sslmode_is_not_weakened(postgres_server: PostgresServer) -> None:
    _, arguments = connect._login(settings(postgres_server, tail="?sslmode=verify-full"))
    assert arguments["sslmode"] == "verify-full"


class Unavailable(BaseHTTPRequestHandler):
    """Blob Storage that answers 503 to everything, and counts."""

    requests = 0

    def do_PUT(self) -> None:
        type(self).requests += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def unavailable() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Unavailable)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/acc"
    server.shutdown()
    thread.join()
    server.server_close()


def test_blob_storage_is_given_up_after_two_retries_for_the_transaction_waits(unavailable: str) -> None:
    with open_container(
        StorageSettings.load(
            postgres_dsn="postgresql://nobody@127.0.0.1/none",
            archive_connection_string=f"AccountName=acc;AccountKey=aGVsbG8=;BlobEndpoint={unavailable}",
        )
    ) as container:
        blob = container.get_blob_client("b")
        with pytest.raises(HttpResponseError):
            blob.upload_blob(b"x")
    assert Unavailable.requests == 1 + 2
