"""Fixtures on real servers: one PostgreSQL and one Azurite a test process, one database or container a test.

Tests that use them carry the marker `services`. `--services` says what the servers are: containers, or embedded ones.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import pytest

from payments.local import containers
from payments.local.azurite import Azurite
from payments.local.database import MIGRATOR, OPERATOR, READER, WRITER, create_database, create_logins, drop_database
from payments.local.migrate import migrate
from payments.local.place import Place, temporary_place
from payments.local.postgres import PostgresServer
from payments.local.state import State, fresh

_TEMPLATE = "migrated"
_ON_SERVERS = {
    "server_place", "postgres_server", "migrated_template", "database", "azurite", "archive_container", "event_hub"
}  # fmt: skip
_numbers = itertools.count()


@dataclass(frozen=True)
class Database:
    """A migrated database with no rows, seen by the writer, by its owner, by the reader and by the operator."""

    name: str
    dsn: str
    migrator_dsn: str
    analyst_dsn: str
    operator_dsn: str


@dataclass(frozen=True)
class ArchiveContainer:
    """An empty blob container, and one for its dead letters."""

    connection_string: str
    name: str
    dead_letters: str


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--services",
        choices=("auto", "containers", "embedded"),
        default="auto",
        help="PostgreSQL and Azurite for the tests: containers (with Docker; the Event Hubs emulator too), embedded "
        "servers, or containers where their images can be had, else embedded (auto)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and _ON_SERVERS.intersection(item.fixturenames):
            item.add_marker(pytest.mark.services)
        if isinstance(item, pytest.Function) and "event_hub" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("event_hub"))  # one emulator, for whichever process has them


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("POSTGRES_", "ARCHIVE_", "DEAD_LETTER_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def no_containers(pytestconfig: pytest.Config) -> str | None:
    """Why the servers are embedded; None when they are containers."""
    wish = cast("str", pytestconfig.getoption("services"))
    if wish == "embedded":
        return "--services embedded"
    reason = containers.unavailable()
    if reason is not None and wish == "containers":
        pytest.exit(f"--services containers: {reason}", returncode=1)
    return reason


@pytest.fixture(scope="session")
def event_hub(no_containers: str | None) -> Iterator[str]:
    """The connection string of an emulator with the hub `payments`; skips where there is none."""
    if no_containers is not None:
        pytest.skip(f"The Event Hubs emulator is to be had as a container only ({no_containers}).")
    with containers.emulator() as connection_string:
        yield connection_string


@pytest.fixture(scope="session")
def server_place() -> Iterator[Place]:
    with temporary_place() as place:
        yield place


@pytest.fixture(scope="session")
def _server_state(server_place: Place) -> State:
    return fresh(server_place.folder)


@pytest.fixture(scope="session")
def postgres_server(server_place: Place, _server_state: State, no_containers: str | None) -> Iterator[PostgresServer]:
    """A server with the logins and no database yet. It does not wait for the disk (fsync off)."""
    kind = PostgresServer if no_containers else containers.PostgresContainer
    server = kind(server_place, _server_state)
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
    yield Database(name, *(postgres_server.dsn(login, name) for login in (WRITER, MIGRATOR, READER, OPERATOR)))
    drop_database(postgres_server, name)


@pytest.fixture(scope="session")
def azurite(server_place: Place, _server_state: State, no_containers: str | None) -> Iterator[Azurite]:
    kind = Azurite if no_containers else containers.AzuriteContainer
    server = kind(server_place, _server_state)
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
