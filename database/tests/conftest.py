"""What the tests of the database share."""

import itertools
from collections.abc import Iterator

import pytest

from payments.local.database import MIGRATOR, create_database, drop_database
from payments.local.postgres import PostgresServer

_numbers = itertools.count()


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database in which no migration has run."""
    name = f"empty_{next(_numbers)}"
    create_database(postgres_server, name)
    yield name
    drop_database(postgres_server, name)


@pytest.fixture
def empty_dsn(postgres_server: PostgresServer, empty_database: str) -> str:
    """The same, for its owner."""
    return postgres_server.dsn(MIGRATOR, empty_database)
