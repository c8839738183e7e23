"""Servers of this folder's own, which its tests stop and hang, and a system that reaches them through two proxies."""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.system import System

from payments.local.azurite import Azurite
from payments.local.database import MIGRATOR, create_database, create_logins
from payments.local.migrate import migrate
from payments.local.place import Place, temporary_place
from payments.local.postgres import PostgresServer
from payments.local.state import State, fresh
from payments_storage import connect, deferred_archive, intake, unit_of_work

from .fault_proxy import FaultProxy
from .wire import HttpWire, PostgresWire

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

_TEMPLATE = "migrated"

OpenSystem = Callable[..., System]


@pytest.fixture(scope="session")
def server_place() -> Iterator[Place]:
    with temporary_place() as place:
        yield place


@pytest.fixture(scope="session")
def _server_state(server_place: Place) -> State:
    return fresh(server_place.folder)


@pytest.fixture(scope="session")
def postgres_server(server_place: Place, _server_state: State) -> Iterator[PostgresServer]:
    server = PostgresServer(server_place, _server_state)
    try:
        server.start()
        create_logins(server)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    create_database(postgres_server, _TEMPLATE)
    migrate(postgres_server.dsn(MIGRATOR, _TEMPLATE))
    return _TEMPLATE


@pytest.fixture(scope="session")
def azurite(server_place: Place, _server_state: State) -> Iterator[Azurite]:
    server = Azurite(server_place, _server_state)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgres_way(postgres_server: PostgresServer) -> Iterator[FaultProxy]:
    with FaultProxy(postgres_server.address, PostgresWire) as proxy:
        yield proxy


@pytest.fixture
def blob_way(azurite: Azurite) -> Iterator[FaultProxy]:
    with FaultProxy(azurite.address, HttpWire) as proxy:
        yield proxy
    gc.collect()  # the SDK leaves sockets of broken downloads to the garbage collector: not to that of other tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits that are no settings, small: a fault costs a test seconds, where it costs a worker a minute."""
    for module in (unit_of_work, deferred_archive):
        monkeypatch.setattr(module, "ATTEMPT_SECONDS", 4)
    monkeypatch.setattr(intake, "_LAST_RESORT_SECONDS", 3)
    monkeypatch.setattr(connect, "_RECONNECT_SECONDS", 0.5)
    limits = {"read_timeout": 0.7, "initial_backoff": 0.05, "increment_base": 0, "random_jitter_range": 0.05}
    for name, value in limits.items():
        monkeypatch.setitem(connect._BLOB_LIMITS, name, value)


@pytest.fixture
def database_behind(database: "Database", postgres_server: PostgresServer, postgres_way: FaultProxy) -> "Database":
    return replace(database, dsn=database.dsn.replace(postgres_server.address, postgres_way.address))


@pytest.fixture
def archive_behind(archive_container: "ArchiveContainer", azurite: Azurite, blob_way: FaultProxy) -> "ArchiveContainer":
    connection_string = archive_container.connection_string.replace(azurite.address, blob_way.address)
    return replace(archive_container, connection_string=connection_string)


@pytest.fixture
def open_system(database_behind: "Database", archive_behind: "ArchiveContainer") -> Iterator[OpenSystem]:
    """Opens a worker process's runtime behind the proxies."""
    with ExitStack() as stack:

        def open_one(**settings: Any) -> System:
            system = stack.enter_context(System(database_behind, archive_behind, **settings))
            system.runtime.pipeline.pool.timeout = 1
            return system

        yield open_one


@pytest.fixture
def system(open_system: OpenSystem) -> System:
    return open_system(retry_budget_seconds=30)


def orphans(system: System) -> frozenset[str]:
    """Files of attempts that did not commit: `payments reconcile` removes them."""
    counting = {path for (path,) in system.rows("SELECT path FROM raw_event_files")}
    return frozenset(system.container.list_blob_names()) - counting
