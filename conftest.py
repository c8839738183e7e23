"""Fixtures on real servers: one PostgreSQL and one Azurite a test process, one database or container a test.

Tests that use them carry the marker `services`.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from payments.local.azurite import Azurite
from payments.local.database import MIGRATOR, READER, WRITER, create_database, create_logins, drop_database
from payments.local.migrate import migrate
from payments.local.place import Place, temporary_place
from payments.local.postgres import PostgresServer
from payments.local.state import State, fresh

_TEMPLATE = "migrated"
_ON_SERVERS = {"server_place", "postgres_server", "migrated_template", "database", "azurite", "archive_container"}
_numbers = itertools.count()


@dataclass(frozen=True)
class Database:
    """A migrated database with no rows, seen by the writer, by its owner and by the reader."""

    name: str
    dsn: str
    migrator_dsn: str
    analyst_dsn: str


@dataclass(frozen=True)
class ArchiveContainer:
    """An empty blob container, and one for its dead letters."""

    connection_string: str
    name: str
    dead_letters: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and _ON_SERVERS.intersection(item.fixturenames):
            item.add_marker(pytest.mark.services)


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("POSTGRES_", "ARCHIVE_", "DEAD_LETTER_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def server_place() -> Iterator[Place]:
    with temporary_place() as place:
        yield place


@pytest.fixture(scope="session")
def _server_state(server_place: Place) -> State:
    return fresh(server_place.folder)


@pytest.fixture(scope="session")
def postgres_server(server_place: Place, _server_state: State) -> Iterator[PostgresServer]:
    """A server with the logins and no database yet. It does not wait for the disk (fsync off)."""
    server = PostgresServer(server_place, _server_state)
    try:
        server.start()
        create_logins(server)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database to copy: nobody may be connected to it."""
    create_database(postgres_server, _TEMPLATE)
    migrate(postgres_server.dsn(MIGRATOR, _TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def database(postgres_server: PostgresServer, migrated_template: str) -> Iterator[Database]:
    name = f"test_{next(_numbers)}"
    create_database(postgres_server, name, migrated_template)
    yield Database(name, *(postgres_server.dsn(login, name) for login in (WRITER, MIGRATOR, READER)))
    drop_database(postgres_server, name)


@pytest.fixture(scope="session")
def azurite(server_place: Place, _server_state: State) -> Iterator[Azurite]:
    server = Azurite(server_place, _server_state)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def archive_container(azurite: Azurite) -> Iterator[ArchiveContainer]:
    name = f"test-{next(_numbers)}"
    names = (name, f"{name}-dead-letters")
    for each in names:
        azurite.create_container(each)
    yield ArchiveContainer(azurite.connection_string, *names)
    for each in names:
        azurite.delete_container(each)
