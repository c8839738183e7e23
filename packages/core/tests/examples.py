"""One ordinary event to vary, and `outcome`, which sends a body both ways through the parser and holds them equal."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from payments_core.batch import METRIC_PREFIX, ParsedBatch, Parser
from payments_core.event import EVENT_SCHEMA, Delivery, Rejection, Transaction
from payments_core.normalize import normalize
from payments_core.rules import MetricRule, load_rules

ENQUEUED: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
NESTED_RULES: Final = """
[[metric]]
name = "score"
field = "risk.score"

[[metric]]
name = "model_ms"
field = "risk.model.ms"

[[metric]]
name = "gebühr"
field = "gebühr"
"""
RULES: Final = load_rules((files("payments_core") / "metrics.toml").read_text(encoding="utf-8") + NESTED_RULES)
PARSER: Final = Parser(RULES)

ORDINARY: Final[dict[str, Any]] = {
    "transaction_id": "tx-1001",
    "event_type": "payment.captured",
    "occurred_at": "2026-01-31T11:59:30.250Z",
    "amount": "12.50",
    "currency": "EUR",
    "payment_method": "card",
    "payment_status": "captured",
}


def event(*without: str, **members: Any) -> dict[str, Any]:
    return {key: value for key, value in (ORDINARY | members).items() if key not in without}


def body(*without: str, **members: Any) -> bytes:
    """The ordinary event as JSON, with these members and without those."""
    return json.dumps(event(*without, **members), ensure_ascii=False).encode("utf-8", "surrogatepass")


def written(**members: str) -> bytes:
    """The ordinary event with members that are written exactly so: `written(amount="1E2")`."""
    texts = [f'"{key}": {text}' for key, text in members.items()]
    rest = body(*members).decode()
    return f"{rest[:-1]}, {', '.join(texts)}}}".encode()


def envelope(data: object, **attributes: Any) -> bytes:
    """A CloudEvents 1.0 envelope; an attribute given as `...` is left out."""
    around = {"specversion": "1.0", "id": "e-1", "source": "/shop", **attributes, "data": data}
    return json.dumps({key: value for key, value in around.items() if value is not ...}).encode()


def deliver(*bodies: bytes) -> Delivery:
    """Events of one partition, a second apart, the first enqueued at ENQUEUED."""
    return Delivery(
        event_hub="payments",
        partition_id="3",
        bodies=list(bodies),
        sequence_numbers=[500 + index for index in range(len(bodies))],
        enqueued_at=[ENQUEUED + timedelta(seconds=index) for index in range(len(bodies))],
    )


def parse_carefully(
    delivery: Delivery, rules: tuple[MetricRule, ...]
) -> tuple[list[dict[str, Any]], list[Rejection], int]:
    """What the parser must say, by `normalize` alone: the rows of its table, the rejections, the unusable metrics."""
    rows, rejections, unusable = [], [], 0
    for index, text in enumerate(delivery.bodies):
        result = normalize(index, text, delivery.enqueued_at[index], rules)
        if isinstance(result, Rejection):
            rejections.append(result)
            continue
        unusable += result.unusable_metrics
        delivered = {
            "event_payload": text.decode(),
            "partition_id": delivery.partition_id,
            "sequence_number": delivery.sequence_numbers[index],
            "enqueued_at": delivery.enqueued_at[index],
            "redactions": delivery.redactions.get(index, 0),
            "index": index,
            "payload_hash": int.from_bytes(sha256(text).digest()[:8], "little", signed=True),
        }
        own = {name: getattr(result, name) for name in EVENT_SCHEMA.names if name not in delivered}
        metrics = {METRIC_PREFIX + rule.name: result.metrics.get(rule.name) for rule in rules}
        rows.append(own | delivered | metrics)
    return rows, rejections, unusable


def parse(delivery: Delivery, parser: Parser = PARSER) -> ParsedBatch:
    """The parser's answer, after a look that `normalize` gives the same."""
    batch = parser.parse_and_normalize(delivery)
    batch.events.validate(full=True)
    careful = parse_carefully(delivery, parser.rules)
    assert (batch.events.to_pylist(), batch.rejections, batch.unusable_metrics) == careful
    return batch


def outcome(text: bytes, parser: Parser = PARSER) -> Transaction | Rejection:
    """What becomes of one body, whichever way it takes."""
    parse(deliver(text), parser)
    return normalize(0, text, ENQUEUED, parser.rules)


def taken(text: bytes, parser: Parser = PARSER) -> Transaction:
    result = outcome(text, parser)
    assert isinstance(result, Transaction), result
    return result


def refused(text: bytes) -> Rejection:
    result = outcome(text)
    assert isinstance(result, Rejection), result
    return result
