"""One delivery to a table of transactions and a list of rejections.

Ordinary events are decoded by type and checked by column; every event that is not plainly ordinary
goes through `normalize`, which alone decides what is rejected and why.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import astuple

from payments_core import fields
from payments_core.currency import MINOR_UNITS
from payments_core.event import AMOUNT, EVENT_SCHEMA, TIMESTAMP, Delivery, Rejection, Transaction
from payments_core.normalize import MAX_DEPTH, load_json, normalize
from payments_core.rules import MetricRule
from payments_core.wire import WireEvent, raw_reader, wire_types

METRIC_PREFIX: Final = "metric:"
AMOUNT_PATH: Final = ("amount",)

_VISIBLE = r"^[^\x00]*[!-~][^\x00]*$"  # no NUL and not blank; texts without ASCII are judged the careful way
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_PLAIN_NAME = re.compile("[!-~]{1,255}")
_DECIMAL = r'^"?-?[0-9]{1,18}(\.[0-9]{1,9})?"?$'
_CODES: Final = pa.array(list(MINOR_UNITS))
_DECIMALS_OF_CODE: Final = pa.array(list(MINOR_UNITS.values()), pa.int8())
_EARLIEST: Final = pa.scalar(fields.EARLIEST, TIMESTAMP)
_FURTHEST_AHEAD: Final = pa.scalar(fields.FURTHEST_AHEAD, pa.duration("us"))
_PLACEHOLDER: Final = pa.scalar("0", pa.string())
_NO_TEXT: Final = pa.scalar(None, pa.string())
_NOTHING: Final = pa.array(["", "null", '""'], pa.string())
_REQUIRED: Final = ("transaction_id", "event_type", "payment_method", "payment_status")
_OPTIONAL: Final = ("correlation_id", "merchant_id", "customer_id")


@dataclass(frozen=True, slots=True)
class ParsedBatch:
    """`events` is in delivery order and has the columns of EVENT_SCHEMA, `index` (place in the delivery),
    `payload_hash` (int64) and a nullable decimal column `metric:<name>` for each rule.

    `unusable_metrics` counts values under a rule's field that are no numbers; they stay in the payload.
    """

    events: pa.Table
    rejections: list[Rejection]
    unusable_metrics: int

    @property
    def indexes(self) -> list[int]:
        """The places in the delivery that this batch speaks of, sorted."""
        return sorted([*self.events["index"].to_pylist(), *(rejection.index for rejection in self.rejections)])

    def halves(self) -> tuple[Self, Self]:
        """Two batches of about the same size, the first of which comes first in the delivery."""
        indexes = self.indexes
        middle = indexes[len(indexes) // 2]
        first = pc.less(self.events["index"], pa.scalar(middle, pa.int64()))
        early = [rejection for rejection in self.rejections if rejection.index < middle]
        late = [rejection for rejection in self.rejections if rejection.index >= middle]
        return (
            type(self)(self.events.filter(first), early, self.unusable_metrics),
            type(self)(self.events.filter(pc.invert(first)), late, 0),
        )


class Parser:
    """Parses deliveries under one set of metric rules. Holds compiled decoders, and no state between calls."""

    def __init__(self, rules: tuple[MetricRule, ...]) -> None:
        self.rules = rules
        own = [pa.field(name, pa.int64(), nullable=False) for name in ("index", "payload_hash")]
        metrics = [pa.field(METRIC_PREFIX + rule.name, AMOUNT) for rule in rules]
        self.schema = pa.schema([*EVENT_SCHEMA, *own, *metrics])
        event, envelope = wire_types(rules)
        self._decode_event: Callable[[bytes], Any] = msgspec.json.Decoder(event).decode
        self._decode_envelope: Callable[[bytes], Any] = msgspec.json.Decoder(envelope).decode
        self._columns: tuple[str, ...] = event.__struct_fields__
        self._readers = {rule.path: raw_reader(rules, rule.path) for rule in rules if rule.path != AMOUNT_PATH}

    def parse_and_normalize(self, delivery: Delivery) -> ParsedBatch:
        """Every body of the delivery ends in exactly one of the two results."""
        ordinary, unusable = self._ordinary(delivery)
        transactions: list[tuple[int, Transaction]] = []
        rejections: list[Rejection] = []
        for index in sorted(set(range(len(delivery.bodies))).difference(ordinary["index"].to_pylist())):
            outcome = normalize(index, delivery.bodies[index], delivery.enqueued_at[index], self.rules)
            if isinstance(outcome, Rejection):
                rejections.append(outcome)
            else:
                transactions.append((index, outcome))
                unusable += outcome.unusable_metrics
        if transactions:
            careful = self._from_transactions(delivery, transactions)
            ordinary = pa.concat_tables([ordinary, careful]).sort_by("index")
        return ParsedBatch(ordinary, rejections, unusable)

    def _ordinary(self, delivery: Delivery) -> tuple[pa.Table, int]:
        """The events that fit the typed shape and pass every check, and their unusable metric values."""
        indexes, events = self._decode(delivery.bodies)
        decoded = dict(zip(self._columns, zip(*map(astuple, events), strict=True), strict=True)) if events else {}
        columns: dict[str, pa.Array] = {
            name: pa.array(decoded.get(name, ()), EVENT_SCHEMA.field(name).type)
            for name in (*_REQUIRED, *_OPTIONAL, "occurred_at", "currency", "event_id")
        }
        for name in ("event_id", "correlation_id"):
            columns[name] = pc.utf8_lower(columns[name])
        raw_amounts = pa.array(map(bytes, decoded.get("amount", ())), pa.string())
        readable = pc.match_substring_regex(raw_amounts, _DECIMAL)
        columns["amount"] = _to_decimal(pc.if_else(readable, raw_amounts, _PLACEHOLDER))
        columns |= self._delivered(delivery, indexes)

        plain = pc.is_null(pa.array(decoded.get("specversion", ()), pa.string()))
        good = _all(plain, readable, *_checks(columns))
        if pc.all(good, min_count=0).as_py():
            chosen = events
        else:
            chosen = [event for event, is_good in zip(events, good.to_pylist(), strict=True) if is_good]
            columns = {name: column.filter(good) for name, column in columns.items()}
        columns["event_id"] = _with_derived_ids(columns)
        unusable = 0
        for rule in self.rules:
            column = columns["amount"]
            if rule.path != AMOUNT_PATH:
                column, skipped = _metric_column(self._readers[rule.path](chosen))
                unusable += skipped
            columns[METRIC_PREFIX + rule.name] = column
        return pa.table([columns[name] for name in self.schema.names], self.schema), unusable

    def _decode(self, bodies: Sequence[bytes]) -> tuple[list[int], list[WireEvent]]:
        indexes, events = [], []
        for index, body in enumerate(bodies):
            # msgspec leaves the texts that it skips unread, so UTF-8 and depth are checked here.
            if not _is_utf8(body) or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
                continue
            try:
                event = self._decode_event(body)
            except msgspec.MsgspecError:
                event = self._decode_wrapped(body)
            if event is not None:
                indexes.append(index)
                events.append(event)
        return indexes, events

    def _decode_wrapped(self, body: bytes) -> WireEvent | None:
        try:
            return _unwrap(self._decode_envelope(body))
        except msgspec.MsgspecError:
            return None

    def _delivered(self, delivery: Delivery, indexes: list[int]) -> dict[str, pa.Array]:
        """The columns that come with the delivery and not with the event."""
        bodies = [delivery.bodies[index] for index in indexes]
        return {
            "event_payload": pa.array(bodies, pa.string()),
            "partition_id": pa.repeat(pa.scalar(delivery.partition_id, pa.string()), len(indexes)),
            "sequence_number": pa.array([delivery.sequence_numbers[index] for index in indexes], pa.int64()),
            "enqueued_at": pa.array([delivery.enqueued_at[index] for index in indexes], TIMESTAMP),
            "redactions": pa.array([delivery.redactions.get(index, 0) for index in indexes], pa.int32()),
            "index": pa.array(indexes, pa.int64()),
            "payload_hash": payload_hashes(bodies),
        }

    def _from_transactions(self, delivery: Delivery, transactions: list[tuple[int, Transaction]]) -> pa.Table:
        columns = self._delivered(delivery, [index for index, _ in transactions])
        for field in EVENT_SCHEMA:
            if field.name not in columns:
                columns[field.name] = pa.array([getattr(t, field.name) for _, t in transactions], field.type)
        for rule in self.rules:
            values = [transaction.metrics.get(rule.name) for _, transaction in transactions]
            columns[METRIC_PREFIX + rule.name] = pa.array(values, AMOUNT)
        return pa.table([columns[name] for name in self.schema.names], self.schema)


def payload_hashes(bodies: Sequence[bytes]) -> pa.Array:
    """The first 8 bytes of each body's SHA-256, as int64: what tells a repeated event from a conflicting one."""
    digests = b"".join([hashlib.sha256(body).digest()[:8] for body in bodies])
    return pa.Array.from_buffers(pa.int64(), len(bodies), [None, pa.py_buffer(digests)])


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unwrap(envelope: Any) -> WireEvent | None:
    """The event with what its envelope says of it; None when its names are not plain enough to make an id of."""
    event: WireEvent = envelope.data
    name = event.event_id or envelope.id
    if not all(map(_PLAIN_NAME.fullmatch, (envelope.id, envelope.source, name))):
        return None
    if event.event_type is None:
        event.event_type = envelope.type
    if event.occurred_at is None:
        event.occurred_at = envelope.time
    event.event_id = fields.id_in_source(envelope.source, name)
    return event


def _all(*masks: pa.Array) -> pa.Array:
    """True where every mask is true; null counts as false."""
    result = masks[0]
    for mask in masks[1:]:
        result = pc.and_kleene(result, mask)
    return pc.fill_null(result, fill_value=False)


def _null_or(mask: pa.Array) -> pa.Array:
    return pc.fill_null(mask, fill_value=True)


def _checks(columns: dict[str, pa.Array]) -> list[pa.Array]:
    """Masks that are all true for an event that `normalize` would take as it stands."""
    occurred_at, amount = columns["occurred_at"], columns["amount"]
    ahead = pc.subtract(occurred_at, columns["enqueued_at"])
    decimals = _DECIMALS_OF_CODE.take(pc.index_in(columns["currency"], _CODES))
    masks = [
        *(pc.match_substring_regex(columns[name], _VISIBLE) for name in _REQUIRED),
        *(_null_or(pc.match_substring_regex(columns[name], _VISIBLE)) for name in ("merchant_id", "customer_id")),
        *(_null_or(pc.match_substring_regex(columns[name], _UUID)) for name in ("event_id", "correlation_id")),
        pc.greater_equal(occurred_at, _EARLIEST),
        pc.less_equal(ahead, _FURTHEST_AHEAD),
    ]
    for places in set(decimals.to_pylist()):
        exact = pc.equal(pc.round(amount, places), amount)
        masks.append(pc.or_(pc.not_equal(decimals, pa.scalar(places, pa.int8())), exact))
    return masks


def _with_derived_ids(columns: dict[str, pa.Array]) -> pa.Array:
    event_ids = columns["event_id"]
    if not event_ids.null_count:
        return event_ids
    nameless = pc.is_null(event_ids)
    occurred_at = columns["occurred_at"].cast(pa.int64())
    of_whom = (columns["transaction_id"], columns["event_type"], occurred_at)
    identities = zip(*(column.filter(nameless).to_pylist() for column in of_whom), strict=True)
    derived = [fields.derived_id(*identity) for identity in identities]
    return pc.replace_with_mask(event_ids, nameless, pa.array(derived, pa.string()))


def _to_decimal(texts: pa.Array) -> pa.Array:
    return pc.ascii_trim(texts, '"').cast(AMOUNT)


def _metric_column(raw: list[bytes]) -> tuple[pa.Array, int]:
    """JSON texts to decimals; what is absent or no number becomes null, and the latter is counted."""
    texts = pa.array(raw, pa.string())
    absent = pc.is_in(texts, _NOTHING)
    readable = pc.match_substring_regex(texts, _DECIMAL)
    rest = pc.invert(pc.or_(absent, readable))
    column = _to_decimal(pc.if_else(readable, texts, _NO_TEXT))
    places = pc.indices_nonzero(rest).to_pylist()
    if not places:
        return column, 0
    values = [fields.metric(load_json(raw[place].decode())) for place in places]
    return pc.replace_with_mask(column, rest, pa.array(values, AMOUNT)), values.count(None)
