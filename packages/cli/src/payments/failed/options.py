"""The filters that the commands share, as options, and what they mean."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import typer

from payments.errors import Status, UserError
from payments_core.errors import ErrorCode, Stage
from payments_storage.failed_items import Filters

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class StatusChoice(StrEnum):
    """`--status`."""

    PENDING = "pending"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    ANY = "any"


LARGEST_ID: Final = 2**63 - 1
Ids = Annotated[
    list[int] | None,
    typer.Option("--id", metavar="ID", min=1, max=LARGEST_ID, help="This entry. May be repeated."),
]
Codes = Annotated[
    list[str] | None, typer.Option("--code", metavar="CODE", help="With this error code. May be repeated.")
]
Stages = Annotated[
    list[Stage] | None,
    typer.Option("--stage", metavar="STAGE", help=f"Failed at this stage: {', '.join(Stage)}. May be repeated."),
]
Hub = Annotated[str | None, typer.Option("--hub", metavar="NAME", help="Of this event hub.")]
Partition = Annotated[str | None, typer.Option("--partition", metavar="ID", help="Of this partition.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Failed then or later: 2026-01-31T12:00:00Z, or an age such as 2h, 3d."
    ),
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Failed before then; as --since.")]
TransactionId = Annotated[str | None, typer.Option("--transaction-id", metavar="ID", help="Of this transaction.")]
EventId = Annotated[str | None, typer.Option("--event-id", metavar="UUID", help="Of this event id.")]
All = Annotated[bool, typer.Option("--all", help="Every pending entry.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Report on standard output as JSON.")]


def filters_of(
    *,
    ids: list[int] | None,
    codes: list[str] | None,
    stages: list[Stage] | None,
    hub: str | None,
    partition: str | None,
    since: str | None,
    until: str | None,
    transaction_id: str | None,
    event_id: str | None,
) -> Filters:
    """Raises UserError where one makes no sense."""
    for code in codes or []:
        if code not in set(ErrorCode):
            raise UserError(f"--code {code}: no such error code. docs/error-codes.md lists them.", Status.WRONG_USAGE)
    for option, text in (("--hub", hub), ("--partition", partition), ("--transaction-id", transaction_id)):
        must_be_text(option, text)
    now = datetime.now(UTC)
    return Filters(
        ids=ids or None,
        codes=codes or None,
        stages=[stage.value for stage in stages or []] or None,
        event_hub=hub,
        partition_id=partition,
        since=_time("--since", since, now),
        until=_time("--until", until, now),
        transaction_id=transaction_id,
        event_id=_uuid(event_id),
    )


def must_choose(filters: Filters, *, everything: bool) -> Filters:
    """Nothing is replayed or discarded because an option was forgotten. Pending entries only."""
    if (filters == Filters()) != everything:
        raise UserError(
            "Choose the entries with --id, --code or another filter, or take --all of them.", Status.WRONG_USAGE
        )
    return replace(filters, statuses=[StatusChoice.PENDING.value])


def must_be_text(option: str, text: str | None) -> None:
    """Bytes of the command line that are no UTF-8 come as unpaired surrogates, which PostgreSQL cannot be asked for."""
    if text is not None and not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UserError(f"{option} is not UTF-8 text.", Status.WRONG_USAGE)


def _time(option: str, text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        return _moment(option, text, now)
    except OverflowError:
        raise UserError(f"{option} {text!r} is before or after any time there is.", Status.WRONG_USAGE) from None


def _moment(option: str, text: str, now: datetime) -> datetime:
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if found is not None:
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UserError(
            f"{option} {text!r} is neither a time with an offset nor an age. Write 2026-01-31T12:00:00Z, 2h or 3d.",
            Status.WRONG_USAGE,
        )
    return moment.astimezone(UTC)


def _uuid(text: str | None) -> str | None:
    try:
        return None if text is None else str(UUID(text))
    except ValueError:
        raise UserError(
            f"--event-id {text!r} is no UUID. `list --transaction-id` finds entries by transaction.", Status.WRONG_USAGE
        ) from None
