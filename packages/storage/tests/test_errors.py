"""Two families of failure: what may pass if done again, and what will not. Nothing of a driver leaks, and no row."""

import traceback
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import LiteralString

import psycopg
import psycopg_pool
import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)
from azure.storage.blob import BlobServiceClient

from payments.local.database import WRITER
from payments.local.postgres import PostgresServer
from payments_storage.errors import (
    EventRefusedError,
    PermanentStorageError,
    StorageError,
    TransientStorageError,
    blob_errors,
    database_errors,
)

TRANSIENT_STATES = [
    *("08006", "08003", "40001", "40P01", "53300", "53100", "57P01", "57P03", "57014", "58030"),
    *("55P03", "25P03", "25006"),
]
PERMANENT_STATES = ["23502", "23505", "23514", "28P01", "3D000", "42501", "42P01", "42703", "XX000"]
TRANSIENT_STATUS = [408, 409, 412, 425, 429, 500, 502, 503, 504]
PERMANENT_STATUS = [400, 401, 403, 404, 411, 413, 416]


@pytest.fixture
def dsn(postgres_server: PostgresServer) -> str:
    return postgres_server.dsn(WRITER, "postgres")


@pytest.fixture
def connection(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    ("state", "family"),
    [(state, TransientStorageError) for state in TRANSIENT_STATES]
    + [(state, PermanentStorageError) for state in PERMANENT_STATES],
)
def test_postgresql_says_by_sqlstate_whether_to_try_again(
    connection: psycopg.Connection, state: str, family: type[StorageError]
) -> None:
    with pytest.raises(family, match=rf"^PostgreSQL {state}: out of luck$"), database_errors():
        connection.execute(f"DO $$ BEGIN RAISE 'out of luck' USING ERRCODE = '{state}'; END $$")


@pytest.mark.parametrize("state", ["22P02", "22003", "23502", "23514", "54000"])
def test_what_the_data_of_an_event_brings_about_is_a_refusal(connection: psycopg.Connection, state: str) -> None:
    """So that its batch is halved down to that event. 54000 is the size of a row of an index, for one."""
    with pytest.raises(EventRefusedError), database_errors():
        connection.execute(f"DO $$ BEGIN RAISE 'out of luck' USING ERRCODE = '{state}'; END $$")


@pytest.mark.parametrize("state", ["28P01", "42501", "42P01", "XX000"])
def test_what_lasts_and_is_no_events_fault_is_no_refusal(connection: psycopg.Connection, state: str) -> None:
    """Else every event of the batch would end in failed_items for a missing privilege."""
    with pytest.raises(PermanentStorageError) as caught, database_errors():
        connection.execute(f"DO $$ BEGIN RAISE 'out of luck' USING ERRCODE = '{state}'; END $$")
    assert not isinstance(caught.value, EventRefusedError)


def test_a_connection_that_breaks_is_transient(connection: psycopg.Connection) -> None:
    with pytest.raises(TransientStorageError, match=r"^PostgreSQL 57P01: "), database_errors():
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(TransientStorageError, match=r"^PostgreSQL: the connection is closed$"), database_errors():
        connection.execute("SELECT 1")


def test_a_pool_without_a_free_connection_is_transient(dsn: str) -> None:
    with (
        psycopg_pool.ConnectionPool(dsn, min_size=0, max_size=1, timeout=0.05, open=True) as pool,
        pool.connection(),
        pytest.raises(TransientStorageError, match="no connection within"),
        database_errors(),
    ):
        pool.getconn()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("INSERT INTO cards VALUES ('4111111111111111')", "PostgreSQL 23505: duplicate key value .*cards_pkey"),
        ("SELECT '4111111111111111 EUR'::numeric", "PostgreSQL 22P02: InvalidTextRepresentation"),
        ("SELECT '4111111111111111'::integer", "PostgreSQL 22003: NumericValueOutOfRange"),
    ],
)
def test_no_value_of_a_row_gets_into_a_message_or_a_traceback(
    connection: psycopg.Connection, statement: LiteralString, message: str
) -> None:
    connection.execute("CREATE TEMPORARY TABLE cards (number text PRIMARY KEY)")
    connection.execute("INSERT INTO cards VALUES ('4111111111111111')")
    with pytest.raises(PermanentStorageError, match=message) as caught, database_errors():
        connection.execute(statement)
    assert "4111111111111111" in str(caught.value.__context__), "PostgreSQL's own message does quote it"
    assert "4111111111111111" not in "".join(traceback.format_exception(caught.value))


class BlobServer(ThreadingHTTPServer):
    """Answers everything with one status."""

    status = HTTPStatus.OK


class Answer(BaseHTTPRequestHandler):
    server: BlobServer

    def do_HEAD(self) -> None:
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def blob_server() -> Iterator[BlobServer]:
    with BlobServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "family"),
    [(status, TransientStorageError) for status in TRANSIENT_STATUS]
    + [(status, PermanentStorageError) for status in PERMANENT_STATUS],
)
def test_blob_storage_says_by_status_whether_to_try_again(
    blob_server: BlobServer, status: int, family: type[StorageError]
) -> None:
    blob_server.status = HTTPStatus(status)
    connection = f"AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:{blob_server.server_port}/a;"
    message = rf"^Blob Storage: look at day/file: HTTP {status} "
    with BlobServiceClient.from_connection_string(connection, retry_total=0) as service:
        blob = service.get_blob_client("raw-events", "day/file")
        with pytest.raises(family, match=message) as caught, blob_errors("look at day/file"):
            blob.get_blob_properties()
    assert isinstance(caught.value.__cause__, HttpResponseError)


@pytest.mark.parametrize(
    ("error", "family"),
    [
        (ServiceRequestError("no route"), TransientStorageError),
        (ServiceResponseTimeoutError("too slow"), TransientStorageError),
        (ClientAuthenticationError("no token"), PermanentStorageError),
    ],
)
def test_no_answer_is_transient_and_no_identity_is_permanent(error: AzureError, family: type[StorageError]) -> None:
    with pytest.raises(family, match=r"^Blob Storage: write day/file: ") as caught, blob_errors("write day/file"):
        raise error
    assert caught.value.__cause__ is error


def test_our_own_errors_and_programmer_errors_pass_through() -> None:
    for error in (PermanentStorageError("as it was"), TypeError("a bug")):
        with pytest.raises(type(error)) as caught, blob_errors("write"), database_errors():
            raise error
        assert caught.value is error
