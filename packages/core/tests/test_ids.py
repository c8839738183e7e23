"""Event ids: given, made of an envelope's names, or derived; and the correlation id."""

from uuid import UUID, uuid5

import pytest

from payments_core.errors import ErrorCode
from payments_core.event import Rejection

from .examples import body, envelope, event, outcome, refused, taken, written

UUID_TEXT = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
NAMESPACE = UUID("5b8c5d8e-6a5a-5f0a-9f3c-0f6a5f2b7d11")
SPELLINGS = [UUID_TEXT, UUID_TEXT.upper(), UUID_TEXT.replace("-", ""), UUID_TEXT.upper().replace("-", "")]
NO_UUIDS = [
    "e-1",
    UUID_TEXT[:-1],
    UUID_TEXT + "0",
    UUID_TEXT + "\n",
    f" {UUID_TEXT}",
    f"{{{UUID_TEXT}}}",
    f"urn:uuid:{UUID_TEXT}",
    UUID_TEXT.replace("-", "", 1),
    "g" + UUID_TEXT[1:],
    "\uff17" + UUID_TEXT[1:],
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("field", ["event_id", "correlation_id"])
def test_a_uuid_is_kept_in_its_canonical_spelling(field: str, spelling: str) -> None:
    assert getattr(taken(body(**{field: spelling})), field) == UUID_TEXT


@pytest.mark.parametrize("value", NO_UUIDS, ids=ascii)
def test_a_correlation_id_that_is_no_uuid_is_refused(value: str) -> None:
    rejection = refused(body(correlation_id=value))
    assert (rejection.code, rejection.field) == (ErrorCode.UUID_INVALID, "correlation_id")


@pytest.mark.parametrize("value", NO_UUIDS, ids=ascii)
def test_an_event_id_that_is_no_uuid_needs_a_source(value: str) -> None:
    """Two systems may both have an event "1"; the message says what to send instead."""
    rejection = refused(body(event_id=value))
    assert (rejection.code, rejection.field) == (ErrorCode.EVENT_ID_WITHOUT_SOURCE, "event_id")
    assert "source" in rejection.message


@pytest.mark.parametrize("field", ["event_id", "correlation_id"])
@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("true", ErrorCode.FIELD_WRONG_TYPE),
        ("1.5", ErrorCode.FIELD_WRONG_TYPE),
        ("{}", ErrorCode.FIELD_WRONG_TYPE),
        ('"a\\u0000"', ErrorCode.TEXT_NOT_STORABLE),
        ('"\\ud800"', ErrorCode.TEXT_NOT_STORABLE),
    ],
)
def test_an_id_must_be_a_storable_text(field: str, value: str, code: ErrorCode) -> None:
    rejection = refused(written(**{field: value}))
    assert (rejection.code, rejection.field) == (code, field)


def test_derived_ids_never_change() -> None:
    """Written down: another result here would count every event of the past once more."""
    assert taken(body()).event_id == str(uuid5(NAMESPACE, "tx-1001\x00payment.captured\x001769860770250000"))
    assert taken(envelope(event())).event_id == str(uuid5(NAMESPACE, "/shop\0e-1"))


@pytest.mark.parametrize("absent", [body(), body(event_id=""), body(event_id=" "), written(event_id="null")])
def test_an_event_without_an_id_gets_one_that_is_derived(absent: bytes) -> None:
    assert taken(absent).event_id == taken(body()).event_id


@pytest.mark.parametrize(
    "same",
    [
        body(occurred_at="2026-01-31T12:59:30.25+01:00"),
        body(occurred_at="2026-01-31T11:59:30.2500000001Z"),
        body(amount="99.00", currency="USD", payment_method="sepa", payment_status="failed", note="x"),
    ],
)
def test_the_same_transaction_type_and_instant_are_the_same_event(same: bytes) -> None:
    assert taken(same).event_id == taken(body()).event_id


@pytest.mark.parametrize(
    "other",
    [body(transaction_id="tx-1002"), body(event_type="refund"), body(occurred_at="2026-01-31T11:59:30.250001Z")],
)
def test_another_transaction_type_or_instant_is_another_event(other: bytes) -> None:
    assert taken(other).event_id != taken(body()).event_id


@pytest.mark.parametrize(
    ("text", "event_id", "transaction_id"),
    [
        (body(event_id=UUID_TEXT.upper(), amount="x"), UUID_TEXT, "tx-1001"),
        (body(event_id="e-1", amount="x"), None, "tx-1001"),
        (body(event_id=UUID_TEXT, transaction_id=" "), UUID_TEXT, None),
        (body(amount="x"), None, "tx-1001"),
        (written(transaction_id="17", amount='"x"'), None, "17"),
        (body(event_id=UUID_TEXT, transaction_id="x" * 256), UUID_TEXT, None),
        (written(event_id='"\\ud800"', transaction_id='"\\u0000"'), None, None),
        (envelope(event(amount="x"), id=UUID_TEXT), UUID_TEXT, "tx-1001"),
        (envelope(event(amount="x")), str(uuid5(NAMESPACE, "/shop\0e-1")), "tx-1001"),
        (envelope([]), None, None),
        (b"[]", None, None),
        (b"{", None, None),
    ],
)
def test_a_rejection_names_the_ids_where_they_are_known(
    text: bytes, event_id: str | None, transaction_id: str | None
) -> None:
    rejection = outcome(text)
    assert isinstance(rejection, Rejection)
    assert (rejection.event_id, rejection.transaction_id) == (event_id, transaction_id)
