"""What cannot be taken goes to `failed_items`, with its exact bytes, position and reason; the rest is stored."""

import json

from payments_core.errors import ErrorCode

from .events import DAY, NOON, Bad, bodies, body, event, messages, rfc3339
from .system import System, run

ID = "00000000-0000-0000-0000-0000a0000001"
TXN = "txn-00001"
ENVELOPE = {
    "specversion": "1.0",
    "id": "evt-1",
    "source": "/shops/1",
    "type": "payment.captured",
    "time": rfc3339(NOON),
}


def invalid(code: str, field: str, **changes: object) -> tuple[bytes, Bad]:
    """Event 1 with one thing wrong: its ids are known all the same."""
    return body(1, **changes), Bad("validate", code, field, ID, TXN)


def enveloped(**changes: object) -> bytes:
    return json.dumps({**ENVELOPE, "data": event(1, event_id=None), **changes}).encode()


REJECTED: list[tuple[bytes, Bad]] = [
    (b"", Bad("decode", "empty_body")),
    (body(1, note="Caf?").replace(b"?", b"\xe9"), Bad("decode", "not_utf8")),
    (body(1)[:-1], Bad("decode", "not_json")),
    (body(1, amount=1.5).replace(b"1.5", b"NaN"), Bad("decode", "not_json")),
    (b"\x00", Bad("decode", "not_json")),
    (b"[" * 5000 + b"]" * 5000, Bad("decode", "json_too_deep")),
    (b"[" + body(1) + b"]", Bad("decode", "not_an_object")),
    (b'"text"', Bad("decode", "not_an_object")),
    (enveloped(source=None), Bad("validate", "envelope_invalid", "source")),
    (enveloped(specversion="0.3"), Bad("validate", "envelope_invalid", "specversion")),
    (enveloped(data="eyJ9"), Bad("validate", "envelope_invalid", "data")),
    (body(1, transaction_id=None), Bad("validate", "field_missing", "transaction_id", ID)),
    invalid("field_missing", "amount", amount=None),
    invalid("field_missing", "occurred_at", occurred_at=None),
    invalid("field_wrong_type", "currency", currency=["EUR"]),
    invalid("field_wrong_type", "amount", amount={"value": 1}),
    invalid("text_empty", "payment_method", payment_method="  "),
    invalid("text_too_long", "payment_status", payment_status="x" * 101),
    (body(1, transaction_id="x" * 256), Bad("validate", "text_too_long", "transaction_id", ID)),
    invalid("text_not_storable", "merchant_id", merchant_id="a\0b"),
    invalid("text_not_storable", "customer_id", customer_id="\ud800"),
    invalid("timestamp_invalid", "occurred_at", occurred_at="31/12/2025 23:59"),
    invalid("timestamp_without_offset", "occurred_at", occurred_at="2026-01-01T00:00:00"),
    invalid("timestamp_out_of_range", "occurred_at", occurred_at="1999-12-31T23:59:59.999999Z"),
    invalid("timestamp_out_of_range", "occurred_at", occurred_at=rfc3339(NOON + 2 * DAY)),
    invalid("amount_invalid", "amount", amount="twelve"),
    invalid("amount_out_of_range", "amount", amount="1000000000000000000"),
    invalid("amount_too_fine", "amount", amount="0.001"),
    invalid("currency_unknown", "currency", currency="EURO"),
    invalid("uuid_invalid", "correlation_id", correlation_id="order-1"),
    (body(1, event_id="evt-1"), Bad("validate", "event_id_without_source", "event_id", None, TXN)),
]


def test_the_table_above_has_every_code_that_a_single_event_can_get() -> None:
    others = {"conflicting_duplicate", "refused_by_database", "not_processable", "archive_unavailable"}
    assert {bad.code for _, bad in REJECTED} == {code.value for code in ErrorCode} - {*others, "redrive_exhausted"}


def test_each_bad_event_is_quarantined_with_bytes_position_and_reason_and_its_neighbours_are_stored(
    system: System,
) -> None:
    good = bodies(range(100, 100 + len(REJECTED) + 1))
    contents = [content for pair in zip(good, REJECTED, strict=False) for content in pair]
    books = run(system, messages([*contents, good[-1]], first=50))
    state = system.state()
    assert state == books.state()
    assert (len(state.failed_items), len(state.archive)) == (len(REJECTED), len(good))


def test_a_message_says_what_is_wrong_and_never_what_the_event_holds(system: System) -> None:
    system.deliver(messages([invalid("amount_invalid", "amount", amount="twelve euros")]))
    assert system.rows("SELECT message, detail FROM failed_items") == [
        ("amount is not a decimal number such as 12.50", {"field": "amount"})
    ]


def test_a_bad_event_that_is_redelivered_is_not_written_twice(system: System) -> None:
    batch = messages([bodies([1])[0], *REJECTED[:3]])
    system.deliver(batch)
    before = system.dump()
    again = system.deliver(batch)
    assert (again.failed, again.failed_before, again.duplicates) == (0, 3, 1)
    assert system.dump() == before


def test_the_same_bad_bytes_at_another_position_are_another_item(system: System) -> None:
    """Three in partition 0, one in partition 1, and one in partition 0 of a hub that was deleted and made anew."""
    text = REJECTED[2]
    again = messages([text], enqueued_at=NOON + DAY)
    for batch, partition in ((messages([text] * 3), "0"), (messages([text]), "1"), (again, "0")):
        system.deliver(batch, partition)
    assert len(system.state().failed_items) == 5


def test_dead_letters_can_be_read_without_their_payload_by_analysts_only(system: System) -> None:
    """The exact bytes may hold what a dashboard must not show."""
    system.deliver(messages([REJECTED[0]]))
    assert system.rows(
        "SELECT has_column_privilege('analyst', 'failed_items', 'payload', 'SELECT'), "
        "has_column_privilege('analyst', 'failed_items', 'error_code', 'SELECT'), "
        "has_column_privilege('ingest', 'failed_items', 'payload', 'SELECT')"
    ) == [(False, True, True)]
