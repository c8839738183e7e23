"""From what the host hands over to a `Delivery`, and the private hook of azure-functions that makes it fast."""

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.functions import EventHubEvent, meta
from azure.functions.eventhub import EventHubTriggerConverter

from ingest import translate
from ingest.translate import speed_up_decoding, to_delivery

from .trigger import BODIES, SYSTEM_PROPERTIES, decode

HOOK = "_parse_datetime"

TEXTS = [
    "2026-03-14T23:59:58",
    "2026-03-14T23:59:58.1",
    "2026-03-14T23:59:58.123",
    "2026-03-14T23:59:58.123456",
    "2026-03-14T23:59:58.1234567",
    "2026-03-14T23:59:58Z",
    "2026-03-14T23:59:58z",
    "2026-03-14T23:59:58.123Z",
    "2026-03-14T23:59:58.1234567Z",
    "2026-03-14T23:59:58.9999999Z",
    "2026-03-14T23:59:58+00:00",
    "2026-03-14T23:59:58.1234567+00:00",
    "03/14/2026 23:59:58Z",
    "",
    None,
]


@pytest.fixture(autouse=True)
def _stock_parser_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts from the library as it came, and puts back whatever was there before."""
    monkeypatch.setattr(meta._BaseConverter, HOOK, classmethod(translate._stock_parse.__func__))  # type: ignore[attr-defined]
    monkeypatch.setattr(
        EventHubTriggerConverter,
        "decode_multiple_events",
        classmethod(translate._stock_decode.__func__),  # type: ignore[attr-defined]
    )


class TestDelivery:
    def test_each_event_keeps_its_exact_bytes_and_its_own_position(self) -> None:
        delivery = to_delivery(decode(BODIES, SYSTEM_PROPERTIES))
        assert delivery.bodies == BODIES
        assert delivery.sequence_numbers == [41, 42, 45]
        assert (delivery.event_hub, delivery.partition_id) == ("payments", "17")

    def test_enqueue_times_are_utc_whether_they_say_so_or_not(self) -> None:
        expected = [
            datetime(2026, 3, 14, 23, 59, 58, 123_000, tzinfo=UTC),
            datetime(2026, 3, 14, 23, 59, 59, tzinfo=UTC),
            datetime(2026, 3, 15, 0, 0, 0, 123_456, tzinfo=UTC),
        ]
        assert to_delivery(decode(BODIES, SYSTEM_PROPERTIES)).enqueued_at == expected
        speed_up_decoding()
        assert to_delivery(decode(BODIES, SYSTEM_PROPERTIES)).enqueued_at == expected

    def test_an_enqueue_time_with_an_offset_is_the_same_instant_in_utc(self) -> None:
        speed_up_decoding()
        elsewhere = SYSTEM_PROPERTIES.replace("2026-03-15T00:00:00.1234567Z", "2026-03-15T02:00:00.1234567+02:00")
        assert to_delivery(decode(BODIES, elsewhere)) == to_delivery(decode(BODIES, SYSTEM_PROPERTIES))

    def test_the_metadata_is_read_once_however_many_events_there_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reads = 0
        stock = EventHubEvent.metadata.fget  # type: ignore[attr-defined]

        def metadata(event: EventHubEvent) -> Any:
            nonlocal reads
            reads += 1
            return stock(event)

        events = decode(BODIES, SYSTEM_PROPERTIES)
        monkeypatch.setattr(EventHubEvent, "metadata", property(metadata))
        to_delivery(events)
        assert reads == 1, "it parses the JSON of the whole batch"


class TestFastEnqueueTimes:
    """If one of these fails after an upgrade, the hook moved: ingest.translate must follow it, or go."""

    def test_the_hook_is_the_class_method_that_the_decoder_calls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[str | None] = []

        def parse(_cls: Any, text: str | None) -> datetime:
            seen.append(text)
            return datetime(2026, 1, 1)  # noqa: DTZ001 - as the library makes them

        assert isinstance(inspect.getattr_static(meta._BaseConverter, HOOK), classmethod)
        assert HOOK not in vars(EventHubTriggerConverter), "an override would hide the hook"
        monkeypatch.setattr(meta._BaseConverter, HOOK, classmethod(parse))
        events = decode(BODIES, SYSTEM_PROPERTIES)
        assert seen == ["2026-03-14T23:59:58.123", "2026-03-14T23:59:59", "2026-03-15T00:00:00.1234567Z"]
        assert [event.enqueued_time for event in events] == [datetime(2026, 1, 1)] * 3  # noqa: DTZ001 - the same

    @pytest.mark.parametrize("text", TEXTS)
    def test_it_reads_what_the_stock_parser_reads(self, text: str | None) -> None:
        stock = meta._BaseConverter._parse_datetime(text)
        speed_up_decoding()
        fast = meta._BaseConverter._parse_datetime(text)
        assert fast == stock
        assert (fast and fast.tzinfo) == (stock and stock.tzinfo)

    def test_what_neither_can_read_is_an_error_and_no_guess(self) -> None:
        speed_up_decoding()
        with pytest.raises(ValueError, match="does not match"):
            meta._BaseConverter._parse_datetime("the day before yesterday")

    def test_the_slow_way_is_not_taken_for_the_times_that_the_extension_sends(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries = 0
        stock = meta.try_parse_datetime_with_formats  # type: ignore[attr-defined]

        def try_formats(text: str, formats: list[str]) -> Any:
            nonlocal tries
            tries += 1
            return stock(text, formats)

        monkeypatch.setattr(meta, "try_parse_datetime_with_formats", try_formats)
        decode(BODIES, SYSTEM_PROPERTIES)
        slow = tries
        assert slow >= len(BODIES), "or the library is fast by itself now, and the hook can go"
        speed_up_decoding()
        decode(BODIES, SYSTEM_PROPERTIES)
        assert tries == slow


class TestFastDecoding:
    """The same of the hook that decodes a batch."""

    def test_the_hook_is_the_class_method_that_decode_calls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert isinstance(inspect.getattr_static(EventHubTriggerConverter, "decode_multiple_events"), classmethod)
        ours = [EventHubEvent(body=b"ours")]
        monkeypatch.setattr(EventHubTriggerConverter, "decode_multiple_events", classmethod(lambda *_: ours))
        assert decode(BODIES, SYSTEM_PROPERTIES) is ours

    def test_it_says_of_each_event_what_the_stock_decoder_says(self) -> None:
        stock = [_as_read(event) for event in decode(BODIES, SYSTEM_PROPERTIES)]
        speed_up_decoding()
        assert [_as_read(event) for event in decode(BODIES, SYSTEM_PROPERTIES)] == stock

    @pytest.mark.parametrize("odd", ['"SequenceNumber":"41"', '"SequenceNumber":41.0'])
    def test_properties_of_another_type_are_left_to_the_stock_decoder(self, odd: str) -> None:
        properties = SYSTEM_PROPERTIES.replace('"SequenceNumber":41', odd)
        stock = [_as_read(event) for event in decode(BODIES, properties)]
        speed_up_decoding()
        assert [_as_read(event) for event in decode(BODIES, properties)] == stock

    def test_bodies_without_their_properties_are_the_error_that_they_were(self) -> None:
        speed_up_decoding()
        with pytest.raises(AssertionError, match="mismatched"):
            decode(BODIES[:2], SYSTEM_PROPERTIES)

    def test_the_metadata_no_longer_hold_the_json_of_the_whole_batch(self) -> None:
        speed_up_decoding()
        events = decode(BODIES, SYSTEM_PROPERTIES)
        assert set(events[0].metadata or ()) == {"PartitionContext"}
        assert to_delivery(events).partition_id == "17"


def _as_read(event: EventHubEvent) -> tuple[Any, ...]:
    return event.get_body(), event.sequence_number, event.enqueued_time, event.partition_key
