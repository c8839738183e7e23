"""A batch goes into the archive and into every table: value by value, and to the last digit."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

import pytest

from payments_storage.raw_event import from_parquet

from .books import Books
from .events import DAY, NOON, NOT_JSON, bodies, body, event, messages, rfc3339
from .system import System, run

CORRELATION = "0b7e0f52-5c1b-4d2e-8f6c-93a4ab3e9d11"


def test_an_event_is_archived_with_every_field_and_its_exact_body(system: System) -> None:
    text = json.dumps(
        event(1, amount="-0.10", correlation_id=CORRELATION.upper(), merchant_id="m-1", note="Zoë 💶"),
        ensure_ascii=False,
    ).encode()
    (message,) = messages([text], first=4711)
    outcome = system.deliver([message], partition="31")
    (path,) = system.container.list_blob_names()
    assert path == (
        f"raw_events/yyyy={NOON:%Y}/mm={NOON:%m}/dd={NOON:%d}/"
        f"events_{message.enqueued_at:%Y%m%dT%H%M%S%fZ}_p31-4711.parquet"
    )
    assert from_parquet(system.container.download_blob(path).readall()).to_pylist() == [
        {
            "event_id": "00000000-0000-0000-0000-0000a0000001",
            "transaction_id": "txn-00001",
            "event_type": "payment.captured",
            "occurred_at": NOON + timedelta(seconds=1),
            "amount": Decimal("-0.100000000"),
            "currency": "EUR",
            "payment_method": "card",
            "payment_status": "captured",
            "correlation_id": CORRELATION,
            "merchant_id": "m-1",
            "customer_id": None,
            "event_payload": text.decode(),
            "partition_id": "31",
            "sequence_number": 4711,
            "enqueued_at": message.enqueued_at,
            "redactions": 0,
        }
    ]
    assert system.rows("SELECT path, rows, bytes, event_hub, partition_id, state FROM raw_event_files") == [
        (path, 1, outcome.files[0].bytes, "payments", "31", "active")
    ]


def test_each_metric_of_an_event_is_one_row_with_its_value_unit_and_time(system: System) -> None:
    text = body(
        1,
        amount="999999999999999999.99",
        correlation_id=CORRELATION,
        fee_amount="0.000000001",
        processing_time_ms=123456789012345678,
        risk_score=0.0125,
    )
    books = run(system, messages([text, body(2, processing_time_ms=0)]))
    assert system.state() == books.state()
    moment = NOON + timedelta(seconds=1)
    assert system.rows(
        "SELECT transaction_id, correlation_id::text, metric_type, metric_value, metric_data, created_at "
        "FROM dynamic_metrics WHERE transaction_id = 'txn-00001' ORDER BY metric_type"
    ) == [
        ("txn-00001", CORRELATION, "amount", Decimal("999999999999999999.99"), {"unit": "EUR"}, moment),
        ("txn-00001", CORRELATION, "fee_amount", Decimal("0.000000001"), {"unit": "EUR"}, moment),
        ("txn-00001", CORRELATION, "processing_time_ms", Decimal(123456789012345678), {"unit": "ms"}, moment),
        ("txn-00001", CORRELATION, "risk_score", Decimal("0.0125"), None, moment),
    ]


def test_a_value_that_is_no_number_makes_no_metric_and_the_event_is_kept(system: System) -> None:
    outcome = system.deliver(messages([body(1, risk_score="high", processing_time_ms=True, fee_amount="")]))
    assert (outcome.archived, outcome.metrics, outcome.unusable_metrics) == (1, 1, 2)
    assert system.rows("SELECT metric_type FROM dynamic_metrics") == [("amount",)]


def test_an_event_of_a_certain_day_is_in_the_partition_of_that_day(system: System) -> None:
    system.deliver(messages(bodies([1])))
    for table in ("ingested_events", "dynamic_metrics"):
        assert system.partitions(table) == [f"{table}_{NOON:%Y%m%d}"]


def test_the_index_remembers_id_body_and_both_days(system: System) -> None:
    late = messages([body(1, occurred_at=rfc3339(NOON - DAY))])
    books = run(system, late)
    assert system.state() == books.state()
    assert system.rows("SELECT event_id::text, occurred_on, enqueued_on FROM ingested_events") == [
        ("00000000-0000-0000-0000-0000a0000001", (NOON - DAY).date(), NOON.date())
    ]


def test_senders_differ_and_their_events_are_the_same_to_us(system: System) -> None:
    """Numbers as texts, offsets, envelopes, missing ids, other orders, unknown fields: one batch of them all."""
    envelope = {
        "specversion": "1.0",
        "id": "evt-6",
        "source": "/merchants/6",
        "type": "payment.refunded",
        "time": rfc3339(NOON),
        "data": event(6, event_id=None, event_type=None, occurred_at=None),
    }
    texts = [
        body(1, amount=12.5, fee_amount=1e-3),
        body(2, occurred_at=(NOON + timedelta(hours=9)).isoformat().replace("+00:00", "+09:00")),
        body(3, event_id=None),
        body(4, event_id=None, metadata={"nested": [1, {"deep": None}]}, amount="1E+3"),
        json.dumps(dict(reversed(event(5).items())), indent=1).encode(),
        json.dumps(envelope).encode(),
        body(7, payment_method="carte bancaire é", event_type="💶.received"),
    ]
    books = run(system, messages(texts))
    assert system.state() == books.state()


def test_a_batch_over_midnight_makes_one_file_a_day_in_that_days_folder(system: System) -> None:
    midnight = NOON + timedelta(hours=12)
    times = [midnight + timedelta(seconds=seconds) for seconds in (-2, -1, 0, 1, -1)]
    texts = [body(n, occurred_at=rfc3339(time)) for n, time in enumerate(times)]
    books = run(system, messages(texts, enqueued_at=midnight))
    assert system.state() == books.state()
    folders = [f"raw_events/yyyy={day:%Y}/mm={day:%m}/dd={day:%d}" for day in (NOON, midnight)]
    files = {path.rpartition("/")[0]: rows for path, rows in system.rows("SELECT path, rows FROM raw_event_files")}
    assert files == dict(zip(folders, (3, 2), strict=True))
    assert len(list(system.container.list_blob_names())) == 2


@pytest.mark.parametrize(
    "occurred_at",
    [NOON.replace(year=2001), NOON.replace(year=2000, month=1, day=1, hour=0), NOON + 12 * DAY],
    ids=["2001", "the first instant", "beyond the days made ahead"],
)
def test_an_event_of_a_day_without_partition_counts_like_any_other(system: System, occurred_at: datetime) -> None:
    texts = [body(1, occurred_at=rfc3339(occurred_at), risk_score=0.5), body(2)]
    books = run(system, messages(texts, enqueued_at=max(NOON, occurred_at - DAY)))
    assert system.state() == books.state()
    for table in ("ingested_events", "dynamic_metrics"):
        assert set(system.partitions(table)) == {f"{table}_{NOON:%Y%m%d}", f"{table}_default"}


def test_a_batch_of_only_bad_events_is_quarantined_and_makes_no_file(system: System) -> None:
    books = run(system, messages([(b"{", NOT_JSON), (b"<xml/>", NOT_JSON)]))
    assert system.state() == books.state()
    assert system.state().raw_event_files == {}
    assert list(system.container.list_blobs()) == []


def test_an_empty_batch_changes_nothing_and_does_not_fail(system: System) -> None:
    """The library decodes it to an empty list; a raise would have the host deliver it again for ever."""
    before = system.dump()
    assert system.deliver([]).delivered == 0
    assert system.dump() == before


def test_one_body_in_two_hubs_is_one_event_and_positions_of_different_hubs_do_not_meet(system: System) -> None:
    batch = messages([body(1), (b"?", NOT_JSON)])
    books = Books()
    for hub in ("payments", "payments-2"):
        system.deliver(batch, hub=hub)
        books.deliver(batch, hub=hub)
    assert system.state() == books.state()
    assert len(system.state().failed_items) == 2


def test_a_thousand_events_of_a_thousand_kinds_are_one_commit(system: System) -> None:
    texts = [
        body(
            n,
            amount=f"{n * 37 % 1000}.{n % 100:02}",
            currency=("EUR", "USD", "GBP")[n % 3],
            event_type=f"payment.{n % 7}",
            merchant_id=str(uuid5(NAMESPACE_URL, str(n))),
            risk_score=n / 1000,
        )
        for n in range(1000)
    ]
    books = run(system, messages(texts))
    assert system.state() == books.state()
