"""Day partitions: made ahead, dropped after retention, and no id forgotten that could come again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Database

Connection = psycopg.Connection[Any]
DAY = date(2024, 3, 10)
WINDOW = 8
RETENTION = 30


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.migrator_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def writer(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        yield connection


def ensure(writer: Connection, first: date, last: date) -> list[tuple[str, str, int]]:
    return writer.execute("SELECT * FROM ensure_partitions(%s, %s)", [first, last]).fetchall()


def expire(writer: Connection, today: date) -> list[tuple[str, str, int]]:
    return writer.execute("SELECT * FROM drop_expired_partitions(%s, %s, %s)", [WINDOW, RETENTION, today]).fetchall()


def claim(writer: Connection, number: int, occurred_on: date, enqueued_on: date) -> bool:
    """Whether the event was new."""
    return (
        writer.execute(
            "INSERT INTO ingested_events VALUES (%s, 0, %s, %s) ON CONFLICT DO NOTHING",
            [UUID(int=number), occurred_on, enqueued_on],
        ).rowcount
        == 1
    )


def measure(writer: Connection, created_at: str) -> None:
    writer.execute(
        "INSERT INTO dynamic_metrics (transaction_id, metric_type, metric_value, created_at) VALUES ('t', 'm', 1, %s)",
        [created_at],
    )


def events(owner: Connection) -> dict[int, str]:
    """Number of each known event -> the partition it is in."""
    rows = owner.execute("SELECT event_id, tableoid::regclass::text FROM ingested_events").fetchall()
    return {event_id.int: partition for event_id, partition in rows}


def metrics(owner: Connection) -> list[tuple[str, str]]:
    return owner.execute(
        "SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), tableoid::regclass::text"
        " FROM dynamic_metrics ORDER BY 1"
    ).fetchall()


def test_partitions_are_made_once_for_every_day_of_the_range(writer: Connection, owner: Connection) -> None:
    assert ensure(writer, DAY, DAY + timedelta(days=1)) == [
        ("ingested_events_20240310", "created", 0),
        ("ingested_events_20240311", "created", 0),
        ("dynamic_metrics_20240310", "created", 0),
        ("dynamic_metrics_20240311", "created", 0),
    ]
    assert ensure(writer, DAY, DAY + timedelta(days=1)) == []
    claim(writer, 1, DAY, DAY)
    assert events(owner) == {1: "ingested_events_20240310"}


def test_a_day_without_partition_is_taken_by_the_default(writer: Connection, owner: Connection) -> None:
    claim(writer, 1, DAY, DAY)
    measure(writer, "2024-03-10 12:00Z")
    assert events(owner) == {1: "ingested_events_default"}
    assert metrics(owner) == [("2024-03-10 12:00:00.000000", "dynamic_metrics_default")]


def test_rows_of_the_default_move_into_the_days_new_partition(writer: Connection, owner: Connection) -> None:
    claim(writer, 1, DAY, DAY)
    claim(writer, 2, DAY + timedelta(days=1), DAY)
    measure(writer, "2024-03-10 23:59:59.999999Z")
    measure(writer, "2024-03-11 00:00Z")
    assert ensure(writer, DAY, DAY) == [
        ("ingested_events_20240310", "created", 1),
        ("dynamic_metrics_20240310", "created", 1),
    ]
    assert events(owner) == {1: "ingested_events_20240310", 2: "ingested_events_default"}
    assert metrics(owner) == [
        ("2024-03-10 23:59:59.999999", "dynamic_metrics_20240310"),
        ("2024-03-11 00:00:00.000000", "dynamic_metrics_default"),
    ]
    assert not claim(writer, 1, DAY, DAY), "a moved id is still known"


def test_days_are_utc_whatever_the_session_thinks(writer: Connection, owner: Connection) -> None:
    writer.execute("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'")
    ensure(writer, DAY, DAY)
    measure(writer, "2024-03-10 00:00Z")
    measure(writer, "2024-03-10 23:59:59.999999Z")
    assert {partition for _, partition in metrics(owner)} == {"dynamic_metrics_20240310"}
    measure(writer, "2024-02-08 23:59:59.999999Z")
    assert expire(writer, DAY) == [("dynamic_metrics_default", "pruned", 1)], "the 9th is 30 days before the 10th"
    measure(writer, "2024-02-09 00:00Z")
    assert expire(writer, DAY) == []


def test_a_new_partition_has_every_index_of_its_table(writer: Connection, owner: Connection) -> None:
    ensure(writer, DAY, DAY)
    for table in ("ingested_events", "dynamic_metrics"):
        attached, there = owner.execute(
            "SELECT count(inhparent), count(*) FROM pg_index LEFT JOIN pg_inherits ON inhrelid = indexrelid"
            " WHERE indrelid = %s::regclass",
            [f"{table}_20240310"],
        ).fetchone() or (0, 0)
        wanted = owner.execute("SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass", [table]).fetchone()
        assert (attached,) == (there,) == wanted


@pytest.mark.parametrize(
    ("first", "last"), [(DAY, DAY - timedelta(days=1)), (DAY, DAY + timedelta(days=367)), (DAY, None)]
)
def test_a_range_that_is_none_is_refused(writer: Connection, first: date, last: date) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="is no range of days"):
        ensure(writer, first, last)


def test_an_id_is_forgotten_when_its_enqueue_day_leaves_the_window(writer: Connection, owner: Connection) -> None:
    """Three events of one day, enqueued on that day, on the next and six days later.

    occurred  | 1 2 3 |                         the day's partition expires on DAY + 9
    enqueued  | 1     | +1: 2 | ... | +6: 3 |   each id 9 days after its own enqueue day
    """
    ensure(writer, DAY, DAY)
    enqueued = {1: DAY, 2: DAY + timedelta(days=1), 3: DAY + timedelta(days=6)}
    for number, day in enqueued.items():
        claim(writer, number, DAY, day)

    assert expire(writer, DAY + timedelta(days=8)) == []
    assert expire(writer, DAY + timedelta(days=9)) == [("ingested_events_20240310", "dropped", 2)]
    assert events(owner) == {2: "ingested_events_default", 3: "ingested_events_default"}
    assert not claim(writer, 2, DAY, DAY + timedelta(days=9)), "delivered again within the window"

    assert expire(writer, DAY + timedelta(days=10)) == [("ingested_events_default", "pruned", 1)]
    assert set(events(owner)) == {3}
    assert expire(writer, DAY + timedelta(days=14)) == []
    assert expire(writer, DAY + timedelta(days=15)) == [("ingested_events_default", "pruned", 1)]
    assert events(owner) == {}


def test_every_id_to_keep_is_found_in_a_day_of_many(writer: Connection, owner: Connection) -> None:
    """They lie scattered, in ranges that the BRIN index has summarized and in ranges that it has not."""
    ensure(writer, DAY, DAY)
    fill = (
        "INSERT INTO ingested_events SELECT gen_random_uuid(), 0, %(day)s,"
        " %(day)s::date + CASE WHEN n %% 1000 = 0 THEN 1 ELSE 0 END FROM generate_series(1, 40000) AS n"
    )
    owner.execute(fill, {"day": DAY})
    owner.execute("VACUUM ANALYZE ingested_events")
    owner.execute(fill, {"day": DAY})
    assert expire(writer, DAY + timedelta(days=9)) == [("ingested_events_20240310", "dropped", 80)]
    assert len(events(owner)) == 80


def test_ids_kept_in_the_default_move_back_when_their_day_is_made_again(writer: Connection, owner: Connection) -> None:
    ensure(writer, DAY, DAY)
    claim(writer, 1, DAY, DAY + timedelta(days=1))
    expire(writer, DAY + timedelta(days=9))
    assert ("ingested_events_20240310", "created", 1) in ensure(writer, DAY, DAY)
    assert events(owner) == {1: "ingested_events_20240310"}


def test_metrics_are_dropped_after_retention_and_not_before(writer: Connection, owner: Connection) -> None:
    ensure(writer, DAY, DAY + timedelta(days=1))
    measure(writer, "2024-03-10 00:00Z")
    measure(writer, "2024-03-11 00:00Z")
    last_day = DAY + timedelta(days=RETENTION)
    assert "dynamic_metrics_20240310" not in [partition for partition, _, _ in expire(writer, last_day)]
    assert expire(writer, last_day + timedelta(days=1)) == [("dynamic_metrics_20240310", "dropped", 0)]
    assert metrics(owner) == [("2024-03-11 00:00:00.000000", "dynamic_metrics_20240311")]


def test_a_table_that_is_no_day_partition_is_left_alone(writer: Connection, owner: Connection) -> None:
    owner.execute(
        "CREATE TABLE metrics_of_1999 PARTITION OF dynamic_metrics FOR VALUES FROM ('1999-01-01Z') TO ('2000-01-01Z')"
    )
    assert expire(writer, DAY) == []


@pytest.mark.parametrize(
    ("window", "retention", "today", "message"),
    [
        (7, 30, DAY, "dedup window of 7 days would forget ids"),
        (None, 30, DAY, "dedup window"),
        (8, 7, DAY, "metrics cannot be kept for 7 days only"),
        (8, None, DAY, "metrics cannot be kept"),
        (8, 30, date(2124, 3, 10), "today is not 2124-03-10"),
        (8, 30, datetime.now(UTC).date() + timedelta(days=2), "today is not"),
        (8, 30, None, "today is not"),
    ],
)
def test_what_would_drop_too_much_is_refused(
    writer: Connection, window: int | None, retention: int | None, today: date | None, message: str
) -> None:
    ensure(writer, DAY, DAY)
    with pytest.raises(errors.InvalidParameterValue, match=message):
        writer.execute("SELECT * FROM drop_expired_partitions(%s, %s, %s)", [window, retention, today])


def fail(writer: Connection, number: int, stage: str, transaction_id: str) -> None:
    writer.execute(
        "INSERT INTO failed_items (stage, error_code, message, payload, event_hub, partition_id, sequence_number, "
        "enqueued_at, event_id, transaction_id) VALUES (%s, 'code', 'why', 'x', 'hub', '0', %s, %s, %s, %s)",
        [stage, number, DAY, UUID(int=number), transaction_id],
    )


def resolve(writer: Connection) -> None:
    writer.execute("UPDATE failed_items SET status = 'replayed', resolved_at = now()")


def test_the_id_of_an_unresolved_failed_item_is_kept_until_it_is_resolved(
    writer: Connection, owner: Connection
) -> None:
    ensure(writer, DAY, DAY)
    assert claim(writer, 1, DAY, DAY)
    assert claim(writer, 2, DAY, DAY)
    fail(writer, 1, "claim", "t")
    later = DAY + timedelta(days=WINDOW + 1)
    assert expire(writer, later) == [("ingested_events_20240310", "dropped", 1)]
    assert expire(writer, later) == []
    assert owner.execute("SELECT event_id FROM ingested_events").fetchall() == [(UUID(int=1),)]
    resolve(writer)
    assert expire(writer, later) == [("ingested_events_default", "pruned", 1)]


@pytest.mark.parametrize("has_partition", [True, False])
def test_metrics_of_an_event_that_waits_for_its_file_are_kept_until_it_has_one(
    writer: Connection,
    has_partition: bool,  # noqa: FBT001
) -> None:
    if has_partition:
        ensure(writer, DAY, DAY)
    measure(writer, "2024-03-10 12:00Z")
    fail(writer, 1, "archive", "t")
    later = DAY + timedelta(days=RETENTION + 1)
    kept = [("dynamic_metrics_20240310", "kept", 1)] if has_partition else []
    assert [row for row in expire(writer, later) if row[0].startswith("dynamic")] == kept
    assert writer.execute("SELECT count(*) FROM dynamic_metrics").fetchall() == [(1,)]
    resolve(writer)
    assert [row for row in expire(writer, later) if row[0].startswith("dynamic")] == [
        ("dynamic_metrics_20240310", "dropped", 0) if has_partition else ("dynamic_metrics_default", "pruned", 1)
    ]
