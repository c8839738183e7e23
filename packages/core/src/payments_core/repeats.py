"""Events that are there twice: the same again is a duplicate, another body under the same identity is a conflict."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import pyarrow as pa

from payments_core.errors import ErrorCode, Stage
from payments_core.event import Rejection


class Identity(NamedTuple):
    """What makes two events the same one: the id, and the UTC day on which it occurred."""

    event_id: str
    occurred_on: date


def identities(events: pa.Table) -> list[Identity]:
    """The identity of each row of a table that `Parser` made."""
    days = events["occurred_at"].cast(pa.date32()).to_pylist()
    return [Identity(*parts) for parts in zip(events["event_id"].to_pylist(), days, strict=True)]


def first_of_each(events: pa.Table) -> pa.Table:
    """The events without those that come under the identity of an earlier one."""
    if len(set(events["event_id"].to_pylist())) == events.num_rows:
        return events
    seen: set[Identity] = set()
    places = []
    for place, identity in enumerate(identities(events)):
        if identity not in seen:
            seen.add(identity)
            places.append(place)
    return events.take(places)


def judge_repeats(events: pa.Table, known: Mapping[Identity, int]) -> tuple[int, list[Rejection]]:
    """How many of these events repeat the payload hash that is known of each; the others as rejections."""
    rows = events.select(["index", "event_id", "payload_hash", "transaction_id"]).to_pylist()
    conflicts = [
        Rejection(
            index=row["index"],
            stage=Stage.CLAIM,
            code=ErrorCode.CONFLICTING_DUPLICATE,
            message="this event id is known with another body; the first one counts",
            field="event_id",
            event_id=row["event_id"],
            transaction_id=row["transaction_id"],
        )
        for identity, row in zip(identities(events), rows, strict=True)
        if known[identity] != row["payload_hash"]
    ]
    return len(rows) - len(conflicts), conflicts
