"""What the tests of the database share."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from payments.local import migrate as runner
from payments.local.database import MIGRATOR, create_database, drop_database
from payments.local.migrate import MIGRATIONS, apply_migrations
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


@pytest.fixture
def as_before(empty_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes of it, for its owner, a database as the release left it that had no migration from this number on."""

    def migrated(number: str) -> str:
        for file in MIGRATIONS.glob("*.sql"):
            if file.name < number:
                shutil.copy(file, tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(runner, "MIGRATIONS", tmp_path)
            assert apply_migrations(empty_dsn)
        return empty_dsn

    return migrated
