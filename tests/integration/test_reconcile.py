"""Whatever is damaged, reconcile names it precisely, and names nothing else."""

# ruff: noqa: S608 - the statements are the tests' own

from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pytest

from payments_storage.raw_event import RAW_EVENT_SCHEMA, from_parquet, to_parquet

from .events import DAY, NOON, TODAY, bodies, messages
from .reconciling import counted, named, notes, reconcile, traffic
from .system import System

ID = "00000000-0000-0000-0000-0000a000000"
EVENT_3 = f"event {ID}3 of {TODAY:%Y-%m-%d}"
AT_3 = f"'txn-00003' at {TODAY:%Y-%m-%d}T12:00:03+00:00"
WINDOW = f"{NOON:%Y-%m-%dT%H:%M:%SZ}"
PAYMENTS = f"{WINDOW} card EUR captured"
MINUTE = f"risk_score payment.captured {WINDOW} {NOON:%Y-%m-%d}T12:01:00Z"
ONE_MINUTE = (
    "metric_type = 'risk_score' AND time_window_end - time_window_start = '1 min' "
    f"AND time_window_start >= '{TODAY:%Y-%m-%d}Z'"
)
OF_3 = "transaction_id = 'txn-00003' AND metric_type ="
OF_TODAY = f"window_start >= '{TODAY:%Y-%m-%d}Z'"


@pytest.fixture
def ingested(system: System) -> System:
    system.deliver(traffic())
    return system


def path_of_today(system: System) -> str:
    (path,) = system.container.list_blob_names(name_starts_with=f"raw_events/yyyy={TODAY:%Y/mm=%m/dd=%d}/")
    return path


def test_stores_that_agree_are_clean_and_the_report_says_what_was_compared(ingested: System) -> None:
    findings = reconcile(ingested)
    assert named(findings) == []
    assert {name: check.compared for name, check in findings.checks.items()} == {
        "files": {"files": 1, "rows": 6, "bytes": ingested.rows("SELECT max(bytes) FROM raw_event_files")[0][0]},
        "payloads": {"events": 6},
        "index": {"archived events": 6, "indexed events": 6},
        "metrics": {"metrics of the archive": 24, "stored metrics": 24},
        "payments": {"rows": 1, "payments": 6},
        "histograms": {"rows": 16, "values": 24},
        "sequences": {"archived positions": 6},
        "orphans": {"files": 1},
    }


DAMAGE = [
    (
        f"DELETE FROM ingested_events WHERE event_id = '{ID}3'",
        ("event_not_indexed", EVENT_3, ..., None),
    ),
    (
        f"INSERT INTO ingested_events VALUES ('{ID}9', 1, '{TODAY:%F}', '{TODAY:%F}')",
        ("event_not_archived", f"event {ID}9 of {TODAY:%F}", None, f"payload hash 1, enqueued on {TODAY:%F}"),
    ),
    (
        f"UPDATE ingested_events SET payload_hash = 7 WHERE event_id = '{ID}3'",
        ("event_differs", EVENT_3, ..., f"payload hash 7, enqueued on {TODAY:%F}"),
    ),
    (
        f"DELETE FROM dynamic_metrics WHERE {OF_3} 'risk_score'",
        ("metric_missing", f"risk_score of {AT_3}", "0.500000000", None),
    ),
    (
        f"UPDATE dynamic_metrics SET metric_value = metric_value + 1e-9 WHERE {OF_3} 'fee_amount'",
        ("metric_differs", f"fee_amount of {AT_3}", "metric_value 0.100000000", "metric_value 0.100000001"),
    ),
    (
        f"UPDATE dynamic_metrics SET metric_value = metric_value + 1e-12 WHERE {OF_3} 'amount'",
        (
            "metric_differs",
            f"amount of {AT_3}",
            "metric_value 10.000000000",
            "metric_value none that an event can have",
        ),
    ),
    (
        f"UPDATE dynamic_metrics SET metric_data = jsonb_build_object('unit', 'USD') WHERE {OF_3} 'amount'",
        ("metric_differs", f"amount of {AT_3}", "unit EUR", "unit USD"),
    ),
    (
        f"UPDATE payment_metrics_5m SET total_amount = total_amount + 0.01 WHERE {OF_TODAY}",
        ("payments_differ", PAYMENTS, "sum 60", "sum 60.01"),
    ),
    (
        f"UPDATE payment_metrics_5m SET min_amount = 9 WHERE {OF_TODAY}",
        ("payments_differ", PAYMENTS, "minimum 10", "minimum 9"),
    ),
    (
        f"UPDATE payment_metrics_5m SET total_count = 7 WHERE {OF_TODAY}",
        ("payments_differ", PAYMENTS, "count 6", "count 7"),
    ),
    (f"DELETE FROM payment_metrics_5m WHERE {OF_TODAY}", ("payments_differ", PAYMENTS, "count 6", None)),
    (
        f"INSERT INTO payment_metrics_5m VALUES ('{WINDOW}', 'card', 'USD', 'captured', 1, 1, DEFAULT, 1, 1)",
        ("payments_differ", f"{WINDOW} card USD captured", None, "count 1"),
    ),
    (
        f"UPDATE aggregate_histograms SET buckets = buckets * 1e12 WHERE {ONE_MINUTE}",
        ("histogram_differs", MINUTE, "buckets", "buckets"),
    ),
    (
        f"UPDATE aggregate_histograms SET negative_buckets = 1, zero_count = 1 WHERE {ONE_MINUTE}",
        ("histogram_differs", MINUTE, "zeros 0, negative buckets", "zeros 1, negative buckets"),
    ),
    (
        f"UPDATE aggregate_histograms SET sum_value = sum_value - 0.01, max_value = 1 WHERE {ONE_MINUTE}",
        ("histogram_differs", MINUTE, "sum 3, maximum 0.5", "sum 2.99, maximum 1"),
    ),
    (
        f"UPDATE aggregate_histograms SET min_value = 0.4 WHERE {ONE_MINUTE}",
        ("histogram_differs", MINUTE, "minimum 0.5", "minimum 0.4"),
    ),
    (f"DELETE FROM aggregate_histograms WHERE {ONE_MINUTE}", ("histogram_differs", MINUTE, "count 6", None)),
    (
        (
            "INSERT INTO aggregate_histograms SELECT metric_type, event_type, time_window_start, "
            "time_window_start + interval '7 minutes', 1, 1, 1, 1, 0, 0, 0, now() FROM aggregate_histograms "
            f"WHERE {ONE_MINUTE}"
        ),
        ("histogram_differs", MINUTE.replace("12:01:00Z", "12:07:00Z"), None, "count 1"),
    ),
]


@pytest.mark.parametrize(("statement", "difference"), DAMAGE)
def test_a_changed_row_is_named_and_nothing_else(
    ingested: System, statement: str, difference: tuple[object, ...]
) -> None:
    ingested.owner_does(statement)
    (found,) = named(reconcile(ingested))
    assert tuple(... if due is ... else there for there, due in zip(found, difference, strict=True)) == difference


def test_a_metric_that_is_there_twice_is_one_too_many(ingested: System) -> None:
    columns = "transaction_id, correlation_id, metric_type, metric_value, metric_data, created_at"
    ingested.owner_does(
        f"INSERT INTO dynamic_metrics ({columns}) SELECT {columns} FROM dynamic_metrics WHERE {OF_3} 'amount'"
    )
    assert named(reconcile(ingested)) == [("metric_unexpected", f"amount of {AT_3}", None, "10.000000000")]


def test_values_that_two_events_have_swapped_are_found_though_every_sum_agrees(system: System) -> None:
    system.deliver(messages(bodies([1], amount="1.00") + bodies([2], amount="2.00")))
    system.owner_does("UPDATE dynamic_metrics SET metric_value = 3 - metric_value")
    system.owner_does(
        "UPDATE ingested_events SET payload_hash = (SELECT sum(payload_hash) FROM ingested_events) - payload_hash"
    )
    assert [(kind, where[:20]) for kind, where, *_ in named(reconcile(system))] == [
        ("event_differs", "event 00000000-0000-"),
        ("event_differs", "event 00000000-0000-"),
        ("metric_differs", "amount of 'txn-00001"),
        ("metric_differs", "amount of 'txn-00002"),
    ]


@pytest.mark.parametrize(
    ("change", "expected", "found"),
    [
        ("rows = 7", "rows 7", "rows 6"),
        ("bytes = bytes + 1", ..., ...),
        ("first_sequence_number = 1", "first_sequence_number 1", "first_sequence_number 0"),
        ("last_sequence_number = 9", "last_sequence_number 9", "last_sequence_number 5"),
        ("partition_id = '1'", "partition_id 1", "partition_id 0"),
        (f"max_occurred_at = '{NOON:%F}T13:00Z'", f"max_occurred_at {NOON:%F} 13:00:00+00:00", ...),
    ],
)
def test_a_manifest_row_that_does_not_describe_its_file_is_named(
    ingested: System, change: str, expected: object, found: object
) -> None:
    path = path_of_today(ingested)
    ingested.owner_does(f"UPDATE raw_event_files SET {change} WHERE path = '{path}'")
    ((kind, where, due, there),) = named(reconcile(ingested))
    assert (kind, where) == ("file_differs", path)
    assert expected in (..., due)
    assert found in (..., there)


CONSEQUENCES = {"index": 6, "metrics": 24, "payments": 1, "histograms": 16}


def test_a_deleted_file_is_named_first_and_then_what_is_missing_with_it(ingested: System) -> None:
    path = path_of_today(ingested)
    ingested.container.delete_blob(path)
    findings = reconcile(ingested, limit=30)
    assert counted(findings) == {"files": 1, **CONSEQUENCES}
    assert next(iter(findings.checks)) == "files"
    assert named(findings)[0][:2] == ("file_missing", path)
    assert {each[0] for each in named(findings)[1:]} == {
        "event_not_archived",
        "metric_unexpected",
        "payments_differ",
        "histogram_differs",
    }
    assert "files that cannot be read are missing in every comparison" in notes(findings)


@pytest.mark.parametrize("cut", [lambda data: data[:-100], lambda _: b"", lambda _: b"PAR1 and nothing else PAR1"])
def test_a_truncated_file_is_named_and_the_check_goes_on_without_it(
    ingested: System, cut: Callable[[bytes], bytes]
) -> None:
    path = path_of_today(ingested)
    data = ingested.container.download_blob(path).readall()
    ingested.container.upload_blob(path, cut(data), overwrite=True)
    findings = reconcile(ingested, limit=30)
    assert counted(findings) == {"files": 1, **CONSEQUENCES}
    assert named(findings)[0] == ("file_unreadable", path, f"6 rows, {len(data)} bytes", f"{len(cut(data))} bytes")


def test_a_file_with_a_row_less_is_named_with_the_event_that_is_gone(ingested: System) -> None:
    path = path_of_today(ingested)
    rows = from_parquet(ingested.container.download_blob(path).readall())
    ingested.container.upload_blob(path, to_parquet(rows.slice(0, 5)), overwrite=True)
    findings = reconcile(ingested, limit=30)
    assert counted(findings) == {"files": 4, "index": 1, "metrics": 4, "payments": 1, "histograms": 16}
    assert [(each[0], each[1]) for each in named(findings) if each[0].startswith("event")] == [
        ("event_not_archived", f"event {ID}5 of {TODAY:%F}")
    ]


def test_an_archived_amount_that_is_not_the_payloads_is_named_by_event(ingested: System) -> None:
    path = path_of_today(ingested)
    rows = from_parquet(ingested.container.download_blob(path).readall()).to_pydict()
    rows["amount"][3] += Decimal("0.01")
    ingested.container.upload_blob(path, to_parquet(pa.table(rows, RAW_EVENT_SCHEMA)), overwrite=True)
    findings = [each for each in named(reconcile(ingested)) if each[0] != "file_differs"]
    assert [(kind, due, there) for kind, _, due, there in findings] == [
        ("payload_differs", "as the payload", "other amount"),
        ("payments_differ", "sum 60.01, maximum 10.01", "sum 60, maximum 10"),
    ]
    assert findings[0][1].startswith(f"event {ID}3")


def test_an_event_that_is_archived_twice_is_named(ingested: System) -> None:
    path = path_of_today(ingested)
    again = path.replace("-0.parquet", "-0-again.parquet")
    rows = from_parquet(ingested.container.download_blob(path).readall()).slice(3, 1)
    data = to_parquet(rows)
    ingested.container.upload_blob(again, data)
    ingested.owner_does(
        "INSERT INTO raw_event_files SELECT "
        f"'{again}', 1, {len(data)}, '{NOON:%F}T12:00:03Z', '{NOON:%F}T12:00:03Z', 'payments', '0', 3, 3"
    )
    findings = reconcile(ingested)
    assert counted(findings) == {"index": 1, "metrics": 4, "payments": 1, "histograms": 16}
    assert [each for each in named(findings) if each[0].startswith("event")] == [
        ("event_archived_twice", EVENT_3, "once", "2 times")
    ]


def test_a_file_whose_manifest_row_is_gone_is_an_orphan_with_events_that_count(ingested: System) -> None:
    path = path_of_today(ingested)
    ingested.owner_does(f"DELETE FROM raw_event_files WHERE path = '{path}'")
    findings = reconcile(ingested, limit=30)
    assert counted(findings) == {**CONSEQUENCES, "orphans": 1}
    assert named(findings)[-1][:2] == ("orphan_file", path)


def test_all_differences_are_counted_and_no_more_than_the_limit_are_named(ingested: System) -> None:
    ingested.owner_does(f"DELETE FROM dynamic_metrics WHERE created_at >= '{TODAY:%F}Z'")
    check = reconcile(ingested, limit=3)["metrics"]
    assert (check.count, len(check.named)) == (24, 3)


def test_yesterday_is_not_todays_business(ingested: System) -> None:
    ingested.owner_does(f"DELETE FROM ingested_events WHERE occurred_on = '{TODAY - DAY:%F}'")
    assert named(reconcile(ingested)) == []
