"""Why an event could not be taken: stable codes for machines, and one line of meaning for people."""

from enum import StrEnum
from typing import Self


class Stage(StrEnum):
    """The step at which an event failed; `failed_items.stage` holds it."""

    DECODE = "decode"
    VALIDATE = "validate"
    CLAIM = "claim"
    METRICS = "metrics"
    SERIALIZE = "serialize"
    ARCHIVE = "archive"
    AGGREGATE = "aggregate"


class ErrorCode(StrEnum):
    """`failed_items.error_code`. A code keeps its name for ever: alerts and replays are written against it."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    EMPTY_BODY = "empty_body", "the event has no body"
    NOT_UTF8 = "not_utf8", "the body is not UTF-8 text"
    NOT_JSON = "not_json", "the body is not one JSON value"
    JSON_TOO_DEEP = "json_too_deep", "the JSON is nested deeper than a reader can follow"
    NOT_AN_OBJECT = "not_an_object", "the JSON is not an object"
    ENVELOPE_INVALID = "envelope_invalid", "the CloudEvents envelope lacks what it must have"
    FIELD_MISSING = "field_missing", "a required field is absent or null"
    FIELD_WRONG_TYPE = "field_wrong_type", "a field has a JSON type that cannot stand for it"
    TEXT_EMPTY = "text_empty", "a required text is empty or blank"
    TEXT_TOO_LONG = "text_too_long", "a text is longer than its column"
    TEXT_NOT_STORABLE = "text_not_storable", "a text holds a character that PostgreSQL or UTF-8 cannot hold"
    TIMESTAMP_INVALID = "timestamp_invalid", "a time is not an RFC 3339 date-time"
    TIMESTAMP_WITHOUT_OFFSET = "timestamp_without_offset", "a time has no offset, so it names no instant"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range", "a time is before the year 2000 or over a day ahead"
    AMOUNT_INVALID = "amount_invalid", "the amount is not a decimal number"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range", "the amount is 10^18 or more"
    AMOUNT_TOO_FINE = "amount_too_fine", "the amount is finer than the currency's minor unit"
    CURRENCY_UNKNOWN = "currency_unknown", "the currency is not an ISO 4217 code"
    UUID_INVALID = "uuid_invalid", "an identifier that must be a UUID is none"
    EVENT_ID_WITHOUT_SOURCE = "event_id_without_source", "an event id that is no UUID needs an envelope's source"
    CONFLICTING_DUPLICATE = "conflicting_duplicate", "the event id was seen before with another body"
    REFUSED_BY_DATABASE = "refused_by_database", "PostgreSQL does not take the event's rows"
    NOT_PROCESSABLE = "not_processable", "our own code failed on the event: a defect to report"
    ARCHIVE_UNAVAILABLE = "archive_unavailable", "the event counts, but its archive file is still to be written"
    REDRIVE_EXHAUSTED = "redrive_exhausted", "its dead-lettered batch failed at every attempt"
