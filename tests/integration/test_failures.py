"""A delivery that fails leaves nothing behind that counts, and the same delivery again gives exact totals."""

from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import ANY

import pytest

from payments_storage.errors import PermanentStorageError, StorageError

from .events import DAY, NOON, NOT_JSON, Message, bodies, body, messages, rfc3339
from .system import TABLES, System, run

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database


def log() -> list[Message]:
    """Two days, a bad event, a duplicate and a conflict: every table is written."""
    yesterday = body(3, occurred_at=rfc3339(NOON - DAY))
    repeated = [body(4), body(4), body(4, amount="11.00")]
    return messages([*bodies(range(3), risk_score=0.5), yesterday, (b"{", NOT_JSON), *repeated])


def test_whatever_statement_fails_nothing_is_left_in_any_table(system: System) -> None:
    """One table after the other is out of reach; the last attempt finds them all, and its own orphans."""
    books = run(system, messages(bodies([100]), first=100))
    before = system.dump()
    for table in TABLES:
        system.owner_does(f"ALTER TABLE {table} RENAME TO hidden")
        with pytest.raises(PermanentStorageError, match=rf'PostgreSQL 42P01: relation "{table}" does not exist'):
            system.deliver(log())
        system.owner_does(f"ALTER TABLE hidden RENAME TO {table}")
        assert system.dump() == {**before, "blobs": ANY}, f"{table} was out of reach"
    system.deliver(log())
    books.deliver(log())
    assert system.state() == books.state()


def test_an_upload_that_is_refused_leaves_nothing_in_any_table(
    database: "Database", archive_container: "ArchiveContainer"
) -> None:
    """There is no such container, until somebody makes it."""
    later = replace(archive_container, name=f"{archive_container.name}-later")
    with System(database, later) as system:
        before = [system.rows(f"SELECT t::text FROM {table} AS t") for table in TABLES]  # noqa: S608 - ours
        with pytest.raises(PermanentStorageError, match=r"Blob Storage: write raw_events/.*: HTTP 404"):
            system.deliver(log())
        assert [system.rows(f"SELECT t::text FROM {table} AS t") for table in TABLES] == before  # noqa: S608
        system.container.create_container()
        books = run(system, log())
        assert system.state() == books.state()
        system.container.delete_container()


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_a_retry_cut_anew_replaces_what_the_failed_attempt_had_uploaded(system: System, pieces: int) -> None:
    system.owner_does("ALTER TABLE payment_metrics_5m RENAME TO hidden")
    with pytest.raises(StorageError):
        system.deliver(log())
    system.owner_does("ALTER TABLE hidden RENAME TO payment_metrics_5m")
    assert len(list(system.container.list_blobs())) == 2
    size = -(-len(log()) // pieces)
    books = run(system, *(log()[start : start + size] for start in range(0, len(log()), size)))
    assert system.state() == books.state()


def test_an_orphan_that_no_retry_replaces_does_not_count(system: System) -> None:
    """The attempt began in the middle of what is delivered afterwards: its file has a name of its own."""
    system.owner_does("ALTER TABLE payment_metrics_5m RENAME TO hidden")
    with pytest.raises(StorageError):
        system.deliver(log()[1:3])
    system.owner_does("ALTER TABLE hidden RENAME TO payment_metrics_5m")
    orphans = frozenset(system.container.list_blob_names())
    books = run(system, log())
    assert system.state(orphans) == books.state()
    assert not orphans & set(books.files)


def test_a_file_that_counts_is_never_overwritten_even_if_its_events_are_forgotten(system: System) -> None:
    """The index has lost them; what the archive has under these names tells that they count already."""
    books = run(system, log())
    system.owner_does("DELETE FROM ingested_events")
    before = system.dump()
    assert system.deliver(log()[:2]).duplicates == 2
    assert system.dump() == before
    assert system.state().archive == books.state().archive


def test_two_hubs_that_share_a_container_by_mistake_are_told_apart_before_a_file_is_overwritten(
    system: System,
) -> None:
    """Other events at the same place of a partition, enqueued at the same microsecond."""
    run(system, messages(bodies(range(3))))
    before = system.dump()
    with pytest.raises(PermanentStorageError, match=r"raw_events/.*\.parquet with other events; do two Event Hubs"):
        system.deliver(messages(bodies(range(10, 13))), hub="another")
    assert system.dump() == before
