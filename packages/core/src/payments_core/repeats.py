"""Events that are there twice: the same again is a duplicate, another body under the same id is a conflict."""

from collections.abc import Mapping

import pyarrow as pa

from payments_core.errors import ErrorCode, Stage
from payments_core.event import Rejection


def separate_repeats(events: pa.Table) -> tuple[pa.Table, int, list[Rejection]]:
    """Of each event id the first event; the number of exact duplicates; the conflicting ones as rejections."""
    first_hash: dict[str, int] = {}
    first_places = []
    later_places = []
    ids, hashes = events["event_id"].to_pylist(), events["payload_hash"].to_pylist()
    for place, (event_id, payload_hash) in enumerate(zip(ids, hashes, strict=True)):
        if event_id in first_hash:
            later_places.append(place)
        else:
            first_hash[event_id] = payload_hash
            first_places.append(place)
    if not later_places:
        return events, 0, []
    duplicates, conflicts = judge_known(events.take(later_places), first_hash)
    return events.take(first_places), duplicates, conflicts


def judge_known(events: pa.Table, known: Mapping[str, int]) -> tuple[int, list[Rejection]]:
    """How many of these events repeat what is known by event id and payload hash; the others as rejections."""
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
        for row in rows
        if known[row["event_id"]] != row["payload_hash"]
    ]
    return len(rows) - len(conflicts), conflicts
