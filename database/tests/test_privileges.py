"""What the writer, the operator, the reader and the migrator may do, and nothing else."""
# ruff: noqa: S608 - the statements are made of names that stand here

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, InvalidParameterValue

if TYPE_CHECKING:
    from conftest import Database

TABLES = (
    "ingested_events", "dynamic_metrics", "payment_metrics_5m", "aggregate_histograms", "failed_items",
    "raw_event_files", "ingested_sequences",
)  # fmt: skip
REBUILT = ("rebuilt_payment_metrics_5m", "rebuilt_aggregate_histograms", "rebuilt_files", "rebuilt_deferred")
CLAIM = "INSERT INTO ingested_events VALUES (gen_random_uuid(), 1, '2024-01-01', '2024-01-01')"
METRIC = (
    "INSERT INTO dynamic_metrics (transaction_id, metric_type, metric_value, created_at) VALUES ('t', 'm', 1, now())"
)
PAYMENT = """INSERT INTO payment_metrics_5m AS total (window_start, payment_method, currency, payment_status,
    total_count, total_amount, min_amount, max_amount)
    VALUES ('2024-01-01 00:05Z', 'card', 'EUR', 'captured', 1, 1, 1, 1)"""
HISTOGRAM = """INSERT INTO aggregate_histograms AS total VALUES
    ('amount', 'payment.captured', '2024-01-01 00:05Z', '2024-01-01 00:10Z', 1, 1, 1, 1, 1, 0, 0)"""
FAILED = """INSERT INTO failed_items (stage, error_code, message, payload, event_hub, partition_id, sequence_number,
    enqueued_at) VALUES ('decode', 'not_json', 'not JSON', 'x', 'hub', '0', 1, now())"""
FILE = "INSERT INTO raw_event_files VALUES ('raw_events/a.parquet', 1, 1, now(), now(), 'hub', '0', 1, 1)"
SEQUENCES = "INSERT INTO ingested_sequences AS known VALUES ('hub', '0', '2024-01-01', '{[1,2]}')"
COLUMNS_FOR_THE_READER = (
    "failed_item_id, stage, error_code, message, detail, transaction_id, status, next_attempt_at, resolved_at, "
    "resolved_by, resolution"
)

WRITER_MAY = [
    f"{CLAIM} ON CONFLICT DO NOTHING RETURNING event_id",
    "SELECT * FROM ingested_events",
    METRIC,
    f"""{PAYMENT} ON CONFLICT (window_start, payment_method, currency, payment_status)
    DO UPDATE SET total_count = total.total_count + excluded.total_count""",
    "SELECT * FROM payment_metrics_5m",
    f"""{HISTOGRAM} ON CONFLICT (metric_type, event_type, time_window_start, time_window_end)
    DO UPDATE SET buckets = total.buckets + excluded.buckets""",
    "SELECT * FROM aggregate_histograms",
    f"{FAILED} ON CONFLICT (event_hub, partition_id, sequence_number, enqueued_at) DO NOTHING",
    "SELECT payload FROM failed_items",
    "UPDATE failed_items SET attempts = attempts + 1, status = 'replayed', resolved_at = now()",
    "SELECT failed_item_id FROM failed_items FOR UPDATE SKIP LOCKED",
    FILE,
    "SELECT path FROM raw_event_files",
    "SELECT path FROM raw_event_files FOR UPDATE",
    "UPDATE raw_event_files SET state = 'replaced', replaced_by = gen_random_uuid(), replaced_at = now()",
    f"""{SEQUENCES} ON CONFLICT (event_hub, partition_id, enqueued_on)
    DO UPDATE SET sequence_numbers = known.sequence_numbers + excluded.sequence_numbers""",
    "SELECT created_at, metric_value FROM dynamic_metrics",
    "SELECT * FROM ensure_partitions('2024-01-01', '2024-01-02')",
    "SELECT * FROM drop_expired_partitions(8, 90, '2024-01-01')",
    "SELECT * FROM ensure_failed_items_partitions('2024-01-01')",
    "SELECT * FROM drop_expired_failed_items(2557, '2024-01-01')",
    "SELECT histogram_quantile(0.5, 1, 0, 0)",
]
# Together they put empty tables in the place of full ones.
REBUILD = [
    "SELECT make_rebuilt_partition('2024-01-01')",
    "SELECT lock_for_rebuild('{}', '{payment_metrics_5m}')",
    "SELECT swap_rebuilt('{}', '{payment_metrics_5m,aggregate_histograms}', '-infinity', 'infinity', '{00:05}')",
    *(f"SELECT * FROM {table}" for table in REBUILT),
    *(f"TRUNCATE {table}" for table in REBUILT),
    "INSERT INTO rebuilt_files VALUES ('raw_events/a.parquet')",
    "INSERT INTO rebuilt_aggregate_histograms SELECT * FROM aggregate_histograms",
]
# Which row it is, where it came from and when: evidence, and what every sum is added to.
KEYS = {
    "ingested_events": ("event_id", "payload_hash", "occurred_on", "enqueued_on"),
    "dynamic_metrics": ("transaction_id", "metric_type", "metric_value", "created_at"),
    "payment_metrics_5m": ("window_start", "payment_method", "currency", "payment_status"),
    "aggregate_histograms": ("metric_type", "event_type", "time_window_start", "time_window_end"),
    "failed_items": ("event_hub", "partition_id", "sequence_number", "enqueued_at", "created_at"),
    "raw_event_files": ("path", "rows", "bytes", "min_occurred_at", "max_occurred_at", "event_hub", "made_by"),
    "ingested_sequences": ("event_hub", "partition_id", "enqueued_on"),
}
NEITHER_WRITER_NOR_OPERATOR = [
    *(f"UPDATE {table} SET {column} = {column}" for table, columns in KEYS.items() for column in columns),
    *(f"LOCK TABLE {table} IN {mode} MODE" for table in TABLES for mode in ("ACCESS EXCLUSIVE", "SHARE")),
    "LOCK TABLE failed_items_20240101 IN ACCESS EXCLUSIVE MODE",
    "UPDATE failed_items_20240101 SET attempts = attempts + 1",
    *(f"DELETE FROM {table}" for table in TABLES),
    *(f"TRUNCATE {table}" for table in TABLES),
    *(f"DROP TABLE {table}" for table in TABLES),
    *(f"ALTER TABLE {table} ADD COLUMN more int" for table in TABLES),
    *(f"CREATE INDEX ON {table} ((1))" for table in TABLES),
    "DELETE FROM ingested_events_default",
    "INSERT INTO ingested_events_default VALUES (gen_random_uuid(), 1, '2024-01-01', '2024-01-01')",
    "DELETE FROM failed_items_20240101",
    "DROP TABLE failed_items_20240101",
    "ALTER TABLE failed_items DETACH PARTITION failed_items_20240101",
    "SELECT payload FROM failed_items_20240101",
    "SELECT missing_failed_items_months('2024-01-01')",
    "SELECT setval('dynamic_metrics_metric_id_seq', 1)",
    "SELECT lock_for_a_moment(ARRAY['ingested_events'])",
    "SELECT move_out_of_default('ingested_events', '2024-01-01')",
    "SELECT expired_partitions('ingested_events', '2024-01-01')",
    "SELECT * FROM schema_migrations",
    "CREATE TABLE mine ()",
    "CREATE TEMPORARY TABLE mine ()",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
    "SET ROLE migrator",
]
READER_MAY = [
    *(f"SELECT * FROM {table}" for table in TABLES if table != "failed_items"),
    f"SELECT {COLUMNS_FOR_THE_READER} FROM failed_items",
    "SELECT count(*) FROM failed_items",
    "SELECT histogram_quantile(0.5, sum(buckets), sum(zero_count), sum(negative_buckets)) FROM aggregate_histograms",
    "SELECT * FROM histogram_buckets(1)",
]
READER_MAY_NOT = [
    "SELECT payload FROM failed_items",
    "SELECT * FROM failed_items",
    "SELECT payload FROM failed_items_20240101",
    "SELECT * FROM drop_expired_failed_items(2557, '2024-01-01')",
    *REBUILD,
    CLAIM, METRIC, PAYMENT, HISTOGRAM, FAILED, FILE, SEQUENCES,
    "UPDATE payment_metrics_5m SET total_count = 1",
    *(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE" for table in TABLES),
    "UPDATE failed_items SET status = 'discarded'",
    *(f"DELETE FROM {table}" for table in TABLES),
    *(f"TRUNCATE {table}" for table in TABLES),
    "SELECT nextval('dynamic_metrics_metric_id_seq')",
    "SELECT * FROM ensure_partitions('2024-01-01', '2024-01-02')",
    "SELECT * FROM drop_expired_partitions(8, 90, '2024-01-01')",
    "CREATE TABLE mine ()",
    "CREATE TEMPORARY TABLE mine ()",
]  # fmt: skip
MIGRATOR_MAY = [
    "CREATE TABLE mine ()",
    "ALTER TABLE failed_items ADD COLUMN more int",
    "DROP TABLE failed_items",
    "CREATE SCHEMA mine",
    "CREATE ROLE somebody NOLOGIN",
    "SELECT * FROM schema_migrations",
    "SELECT * FROM ensure_partitions('2024-01-01', '2024-01-02')",
]
# Before PostgreSQL 16, who may make roles may change all but superusers. Azure has 17.
OTHERS_PASSWORDS = ["ALTER ROLE ingest PASSWORD 'x'", "ALTER ROLE operator PASSWORD 'x'"]
MIGRATOR_MAY_NOT = [
    "CREATE ROLE somebody SUPERUSER",
    "SET ROLE postgres",
    "SET ROLE payments_writer",
    "SET ROLE payments_operator",
    "ALTER ROLE postgres PASSWORD 'x'",
    *OTHERS_PASSWORDS,
    "ALTER DATABASE postgres SET lock_timeout = '1s'",
    "SELECT * FROM pg_authid",
    "SELECT pg_read_file('PG_VERSION')",
    "COPY failed_items TO PROGRAM 'true'",
    "COPY failed_items FROM '/etc/hostname'",
]


def refused(dsn: str, statements: list[str]) -> list[str]:
    """Those of the statements for which the login has no privilege. Nothing they did is kept."""
    found = []
    with psycopg.connect(dsn) as connection:
        for statement in statements:
            try:
                connection.execute(statement.encode())
            except InsufficientPrivilege:
                found.append(statement)
            connection.rollback()
    return found


@pytest.mark.parametrize(
    ("login", "allowed", "denied"),
    [
        ("dsn", WRITER_MAY, [*REBUILD, *NEITHER_WRITER_NOR_OPERATOR, "SET ROLE payments_operator"]),
        ("operator_dsn", [*WRITER_MAY, *REBUILD], NEITHER_WRITER_NOR_OPERATOR),
        ("analyst_dsn", READER_MAY, READER_MAY_NOT),
        ("migrator_dsn", MIGRATOR_MAY, MIGRATOR_MAY_NOT),
    ],
    ids=["writer", "operator", "reader", "migrator"],
)
def test_a_login_may_do_its_work_and_nothing_else(
    database: Database, login: str, allowed: list[str], denied: list[str]
) -> None:
    with psycopg.connect(database.migrator_dsn) as owner:
        owner.execute("SELECT * FROM ensure_partitions('2024-01-01', '2024-01-01')")
        owner.execute("SELECT * FROM ensure_failed_items_partitions('2024-01-01')")
        if owner.info.server_version < 160_000:
            denied = [each for each in denied if each not in OTHERS_PASSWORDS]
    assert refused(getattr(database, login), allowed + denied) == denied


@pytest.mark.parametrize("login", ["dsn", "operator_dsn"])
def test_whoever_has_the_login_cannot_make_the_last_week_expire(database: Database, login: str) -> None:
    today = datetime.now(UTC).date()
    week = [today - timedelta(days=days) for days in range(8)]
    with psycopg.connect(database.migrator_dsn) as owner:
        owner.execute("SELECT * FROM ensure_partitions(%s, %s)", [today - timedelta(days=20), today])
    with psycopg.connect(getattr(database, login), autocommit=True) as connection:
        for days in (1, 7, 8):
            for ahead in (0, 1, 2, 10, 36500):
                with suppress(InvalidParameterValue):
                    connection.execute(
                        "SELECT * FROM drop_expired_partitions(8, %s, %s)", [days, today + timedelta(days=ahead)]
                    )
    with psycopg.connect(database.migrator_dsn) as owner:
        rows = owner.execute("SELECT relname FROM pg_class WHERE relname ~ '^dynamic_metrics_[0-9]{8}$'").fetchall()
    left = {name for (name,) in rows}
    assert min(left) == f"dynamic_metrics_{week[-1]:%Y%m%d}"
    assert {f"dynamic_metrics_{day:%Y%m%d}" for day in week} <= left


@pytest.mark.parametrize("login", ["dsn", "operator_dsn"])
def test_whoever_has_the_login_cannot_let_failed_items_expire_by_an_old_resolution(
    database: Database, login: str
) -> None:
    today, before = datetime.now(UTC).date(), datetime.now(UTC) - timedelta(days=45)
    resolve = (
        "UPDATE failed_items SET status = 'discarded', resolution = 'x', resolved_by = 'x', resolved_at = '2000-01-01'"
    )
    with psycopg.connect(getattr(database, login), autocommit=True) as connection:
        connection.execute(FAILED.replace("now()", f"'{before}'").encode())
        connection.execute("SELECT * FROM ensure_failed_items_partitions(%s)", [before.date()])
        connection.execute(resolve.encode())
        connection.execute("SELECT * FROM drop_expired_failed_items(8, %s)", [today + timedelta(days=1)])
        (left,) = connection.execute("SELECT now() - resolved_at < interval '1 minute' FROM failed_items").fetchall()
    assert left == (True,)


def test_no_table_and_no_function_is_open_to_everybody(database: Database) -> None:
    """So that a later migration cannot forget it: PostgreSQL lets everybody execute a new function."""
    with psycopg.connect(database.migrator_dsn) as connection:
        opened = connection.execute(
            """
            SELECT proname FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')
            UNION ALL
            SELECT relname FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
                AND has_table_privilege('public', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
            """
        ).fetchall()
    assert opened == []


def test_functions_with_the_owners_rights_look_up_names_in_our_schema_only(database: Database) -> None:
    """Otherwise a caller's own objects, found first, would run with those rights."""
    with psycopg.connect(database.migrator_dsn) as connection:
        rows = connection.execute(
            "SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        ).fetchall()
    pinned = ["search_path=public, pg_temp"]
    names = (
        "drop_expired_failed_items", "drop_expired_partitions", "ensure_failed_items_partitions", "ensure_partitions",
        "lock_for_rebuild", "make_rebuilt_partition", "swap_rebuilt",
    )  # fmt: skip
    assert sorted(rows) == [(name, pinned) for name in names]
