"""One event, delivered several times: the first counts, the same again is a duplicate, another body a conflict."""

from datetime import date
from typing import Any

import pyarrow as pa

from payments_core.errors import ErrorCode, Stage
from payments_core.event import Rejection
from payments_core.repeats import Identity, first_of_each, identities, judge_repeats

from .examples import body, deliver, envelope, event, parse


def table(*bodies: bytes) -> Any:
    return parse(deliver(*bodies)).events


def payment(number: int, note: str = "") -> bytes:
    return body(transaction_id=f"t{number}", note=note)


def conflict(events: Any, place: int) -> Rejection:
    row = events.to_pylist()[place]
    return Rejection(
        index=row["index"],
        stage=Stage.CLAIM,
        code=ErrorCode.CONFLICTING_DUPLICATE,
        message="this event id is known with another body; the first one counts",
        field="event_id",
        event_id=row["event_id"],
        transaction_id=row["transaction_id"],
    )


def separate(*bodies: bytes) -> tuple[list[int], int, list[Rejection]]:
    """The places in the delivery of the events that count, the number of duplicates, and the conflicts."""
    events = table(*bodies)
    first = first_of_each(events)
    known = dict(zip(identities(first), first["payload_hash"].to_pylist(), strict=True))
    counting = first["index"].to_pylist()
    rest = events.filter(pa.array([index not in counting for index in events["index"].to_pylist()], pa.bool_()))
    return counting, *judge_repeats(rest, known)


def test_events_that_all_differ_all_count() -> None:
    assert separate(payment(1), payment(2)) == ([0, 1], 0, [])


def test_no_events_are_no_repeats() -> None:
    assert separate() == ([], 0, [])


def test_the_same_body_again_is_a_duplicate() -> None:
    assert separate(payment(1), payment(2), payment(1)) == ([0, 1], 1, [])


def test_another_body_under_the_same_id_is_a_conflict() -> None:
    bodies = payment(1), payment(2), payment(1, "changed")
    assert separate(*bodies) == ([0, 1], 0, [conflict(table(*bodies), 2)])


def test_other_spaces_are_another_body() -> None:
    """The archive keeps the exact bytes; so what differs in one byte is shown to a person, not dropped."""
    bodies = payment(1), payment(1) + b" "
    assert separate(*bodies) == ([0], 0, [conflict(table(*bodies), 1)])


def test_of_three_with_one_id_each_is_held_against_the_first() -> None:
    bodies = payment(1), payment(1, "changed"), payment(1, "changed"), payment(1), payment(2)
    events = table(*bodies)
    assert separate(*bodies) == ([0, 4], 1, [conflict(events, 1), conflict(events, 2)])


def test_a_conflict_points_at_its_place_in_the_delivery() -> None:
    """Rejected bodies before it count."""
    _, _, conflicts = separate(b"", payment(1), b"{", payment(1, "changed"))
    assert [rejection.index for rejection in conflicts] == [3]


def test_the_two_ways_of_the_parser_give_one_identity() -> None:
    """In lower case the currency goes the careful way."""
    assert len(set(identities(table(body(), body(currency="eur"))))) == 1


def test_an_identity_is_the_id_and_the_day_in_utc() -> None:
    """Of three deliveries under one id, the second one's day is another, its local date notwithstanding.

        30 January (UTC)     |     31 January (UTC)
    -------------------------+-------------------------
                   first     |     second  third
    """
    times = ["2026-01-30T23:30:00Z", "2026-01-30T23:30:00-01:00", "2026-01-31T02:30:00+02:00"]
    bodies = [envelope(event(occurred_at=time)) for time in times]
    found = identities(table(*bodies))
    assert [identity.occurred_on for identity in found] == [date(2026, 1, 30), date(2026, 1, 31), date(2026, 1, 31)]
    assert len({identity.event_id for identity in found}) == 1
    assert separate(*bodies) == ([0, 1], 0, [conflict(table(*bodies), 2)])


def test_events_known_from_before_are_judged_by_their_hash() -> None:
    events = table(payment(1), payment(2), payment(3))
    hashes = events["payload_hash"].to_pylist()
    known: dict[Identity, int] = dict(zip(identities(events), [hashes[0], hashes[1] + 1, hashes[2]], strict=True))
    assert judge_repeats(events, known) == (2, [conflict(events, 1)])
