"""An archive as a fixture."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from payments_storage.connect import open_container

from .archive import Archive, settings_of

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database


@pytest.fixture
def archive(database: "Database", archive_container: "ArchiveContainer") -> Iterator[Archive]:
    """Empty. The reader of its settings is the analyst, who may read and nothing else."""
    settings = settings_of(database, archive_container)
    with open_container(settings) as container:
        yield Archive(settings, container, database.migrator_dsn)
