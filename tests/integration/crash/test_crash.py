"""Workers are killed at any moment, leases move, batches are cut anew: every table agrees with the books, to the cent.

The seed draws the traffic and the plan: every batch and its boundaries, who works at the same time, who is killed after
which exchange with PostgreSQL or which part of a batch's usual time. It does not draw how the operating system
schedules processes. `make test-crash` draws a seed; `make test` runs a short form with a fixed one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from random import SystemRandom
from typing import TYPE_CHECKING

import pytest
from tests.integration.books import Books
from tests.integration.system import System
from tests.integration.traffic import Traffic

from .conductor import Conductor
from .plan import make_plan
from .processes import open_nursery
from .report import count_hits, describe, differences
from .sessions import open_sessions

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

SHORT_KILLS = 32
SHORT_SEED = 20261124
PARTITIONS = 8


def setting(name: str) -> int | None:
    text = os.environ.get(name)
    if text and not text.isdecimal():
        raise pytest.UsageError(f"{name} = {text!r} is not a whole number")
    return int(text) if text else None


@contextmanager
def announced(seed: int, kills: int) -> Iterator[None]:
    replay = f"make test-crash SEED={seed} KILLS={kills}"
    print(f"\nTo replay: {replay}", flush=True)  # noqa: T201 - whoever interrupts it has the seed
    try:
        yield
    except BaseException as error:
        error.add_note(f"To replay: {replay}")
        raise


def test_after_any_kills_and_moved_leases_every_table_is_what_plain_bookkeeping_makes_of_the_events(
    system: System, database: "Database", archive_container: "ArchiveContainer"
) -> None:
    kills, seed = setting("CRASH_KILLS"), setting("CRASH_SEED")
    if seed is None:
        seed = SHORT_SEED if kills is None else SystemRandom().randrange(10**9)
    if kills is None:
        kills = SHORT_KILLS
    with announced(seed, kills):
        crash(system, database, archive_container, seed, kills)


def crash(system: System, database: "Database", archive_container: "ArchiveContainer", seed: int, kills: int) -> None:
    logs = Traffic(seed, PARTITIONS, count=40 + 3 * kills).partitions
    plan = make_plan(seed, {name: len(log) for name, log in logs.items()}, kills)
    books = Books()
    for name, log in logs.items():
        books.deliver(log, name)

    with open_sessions(database.dsn) as sessions:
        with open_nursery(database, archive_container) as nursery:
            conductor = Conductor(logs, nursery, sessions)
            conductor.run(plan)
        sessions.wait_until_alone()

    manifest = {path for (path,) in system.rows("SELECT path FROM raw_event_files")}
    orphans = frozenset(system.container.list_blob_names()) - manifest
    print(describe(plan, conductor.records, len(orphans)))  # noqa: T201 - what the run is worth
    wrong = differences(system.state(orphans), books.state(), logs)
    assert not wrong, "\n".join(wrong)
    everything = [(name, f"{{[0,{len(log)})}}") for name, log in sorted(logs.items())]
    seen = system.rows("SELECT partition_id, sequence_numbers::text FROM ingested_sequences ORDER BY partition_id")
    assert seen == everything
    hits = count_hits(conductor.records)
    assert hits.before + hits.within.total() + hits.after == kills
    assert hits.within.total() >= kills // 4, "too few kills hit a transaction"
    assert min(hits.before, hits.after) >= kills // 100, "kills do not hit everywhere"

    before = system.dump()
    for name, log in logs.items():
        for start in range(0, len(log), 200):
            system.deliver(log[start : start + 200], name)
    assert system.dump() == before
