"""A system that has no day on which ids are forgotten: the corpus is of one day, however long ago that is."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ..system import System  # noqa: TID252 - test modules have no importable root

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

FOR_EVER = 9_000


@pytest.fixture
def hostile_system(database: "Database", archive_container: "ArchiveContainer") -> Iterator[System]:
    with System(database, archive_container, dedup_window_days=FOR_EVER) as system:
        yield system
