"""Parquet is a faithful and open form of `RawEvent`: what goes in comes out, through any reader."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from payments_core.event import EVENT_SCHEMA
from payments_storage.raw_event import RAW_EVENT_SCHEMA, RawEvent, from_parquet, to_parquet, to_table

from .samples import raw_event, raw_events

OPTIONAL = ("correlation_id", "merchant_id", "customer_id")


def round_trip(*events: RawEvent) -> list[RawEvent]:
    return RawEvent.from_table(from_parquet(to_parquet(to_table(list(events)))))


def test_the_object_and_the_file_have_the_same_columns_in_the_same_order() -> None:
    assert [field.name for field in fields(RawEvent)] == RAW_EVENT_SCHEMA.names == EVENT_SCHEMA.names


def test_events_come_back_as_they_were_and_in_their_order() -> None:
    events = raw_events(3)
    assert round_trip(*reversed(events)) == events[::-1]


@pytest.mark.parametrize(
    "amount",
    ["0", "-0.01", "0.000000001", "-999999999999999999.999999999", "999999999999999999.999999999", "1E+2"],
)
def test_an_amount_keeps_its_value_to_the_last_digit(amount: str) -> None:
    assert round_trip(raw_event(amount=Decimal(amount)))[0].amount == Decimal(amount)


def test_a_time_keeps_its_instant_to_the_microsecond_and_comes_back_in_utc() -> None:
    tokyo = datetime(2026, 1, 1, 8, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=9)))
    (event,) = round_trip(raw_event(occurred_at=tokyo, enqueued_at=tokyo + timedelta(microseconds=1)))
    assert event.occurred_at == datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert event.enqueued_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert event.occurred_at.utcoffset() == event.enqueued_at.utcoffset() == timedelta(0)


def test_what_is_absent_stays_absent_and_is_not_an_empty_text() -> None:
    full = raw_event(correlation_id="0b7e0f52-5c1b-4d2e-8f6c-93a4ab3e9d11", merchant_id="", customer_id="c-1")
    bare = replace(full, correlation_id=None, merchant_id=None, customer_id=None)
    assert round_trip(full, bare) == [full, bare]


def test_the_payload_is_kept_character_by_character() -> None:
    payload = '{"note":"Zoë 💶 \\u0000","a":1.10, "a":2}\r'
    assert round_trip(raw_event(event_payload=payload))[0].event_payload == payload


def test_a_table_without_events_makes_a_file_that_can_be_read() -> None:
    assert round_trip() == []


def test_columns_beyond_the_schema_stay_out_of_the_file() -> None:
    table = to_table(raw_events(1)).append_column("payload_hash", pa.array([1], pa.int64()))
    assert from_parquet(to_parquet(table)).column_names == RAW_EVENT_SCHEMA.names


def test_a_missing_required_value_is_refused() -> None:
    table = to_table(raw_events(1))
    place = table.schema.get_field_index("amount")
    broken = table.set_column(place, pa.field("amount", table["amount"].type), pa.array([None], table["amount"].type))
    with pytest.raises(ValueError, match="amount"):
        to_parquet(broken)


class TestFooter:
    """The Parquet types alone say everything: a reader that knows nothing of Arrow sees the same."""

    @pytest.fixture
    def file(self) -> pq.ParquetFile:
        events = [raw_event(n, amount=Decimal(n), merchant_id=None if n % 2 else "m") for n in range(10)]
        return pq.ParquetFile(BytesIO(to_parquet(to_table(events))))

    def test_an_amount_is_a_decimal_of_38_digits_with_9_decimals(self, file: pq.ParquetFile) -> None:
        amount = file.schema.column(RAW_EVENT_SCHEMA.names.index("amount"))
        assert str(amount.logical_type) == "Decimal(precision=38, scale=9)"

    @pytest.mark.parametrize("name", ["occurred_at", "enqueued_at"])
    def test_a_time_is_a_utc_timestamp_in_microseconds(self, file: pq.ParquetFile, name: str) -> None:
        logical = str(file.schema.column(RAW_EVENT_SCHEMA.names.index(name)).logical_type)
        assert "isAdjustedToUTC=true" in logical
        assert "timeUnit=microseconds" in logical

    def test_texts_are_strings_and_positions_are_int64(self, file: pq.ParquetFile) -> None:
        for place, field in enumerate(RAW_EVENT_SCHEMA):
            column = file.schema.column(place)
            if field.type == pa.string():
                assert (str(column.logical_type), column.physical_type) == ("String", "BYTE_ARRAY"), field.name
        assert file.schema.column(RAW_EVENT_SCHEMA.names.index("sequence_number")).physical_type == "INT64"

    def test_only_the_optional_columns_admit_null(self, file: pq.ParquetFile) -> None:
        levels = [file.schema.column(place).max_definition_level for place in range(len(RAW_EVENT_SCHEMA))]
        assert {name for name, level in zip(RAW_EVENT_SCHEMA.names, levels, strict=True) if level} == set(OPTIONAL)

    def test_it_names_the_version_of_the_schema(self, file: pq.ParquetFile) -> None:
        assert file.metadata.metadata[b"payments.schema_version"] == b"1"

    def test_it_is_compressed_with_zstd_and_lets_readers_skip_by_statistics(self, file: pq.ParquetFile) -> None:
        group = file.metadata.row_group(0)
        assert {group.column(place).compression for place in range(group.num_columns)} == {"ZSTD"}
        amount = group.column(RAW_EVENT_SCHEMA.names.index("amount"))
        assert (amount.statistics.min, amount.statistics.max) == (Decimal(0), Decimal(9))
        assert not group.column(RAW_EVENT_SCHEMA.names.index("event_payload")).is_stats_set
