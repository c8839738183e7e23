"""A system on a fresh database and a fresh container."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from .system import System

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database


@pytest.fixture
def system(database: "Database", archive_container: "ArchiveContainer") -> Iterator[System]:
    with System(database, archive_container) as system:
        yield system


@pytest.fixture
def other_owner(database: "Database", archive_container: "ArchiveContainer") -> Iterator[System]:
    """Another worker process on the same database and the same container."""
    with System(database, archive_container) as system:
        yield system
