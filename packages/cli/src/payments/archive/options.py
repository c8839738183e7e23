"""The options of `payments events query`, checked: what is asked of the archive, and which columns."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from payments.archive.formats import Format
from payments.archive.times import moment
from payments.errors import Status, UserError
from payments_storage.query.wanted import Wanted, WantedError
from payments_storage.raw_event import RAW_EVENT_SCHEMA

_SHOWN: Final = ["occurred_at", "event_type", "transaction_id", "amount", "currency", "payment_status", "merchant_id"]
_DAY: Final = timedelta(days=1)
_AMOUNT: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?")


def wanted_of(
    *,
    start: str | None,
    end: str | None,
    transaction_id: str | None,
    event_id: str | None,
    correlation_id: str | None,
    merchant_id: str | None,
    status: str | None,
    min_amount: str | None,
    max_amount: str | None,
) -> Wanted:
    """Raises UserError for what cannot be asked."""
    first = None if start is None else moment("--from", start)
    last = None if end is None else moment("--to", end)
    if first is not None and last is None:
        last = first + _DAY
    try:
        wanted = Wanted(
            start=first,
            end=last,
            transaction_id=transaction_id,
            event_id=_uuid("--event-id", event_id),
            correlation_id=_uuid("--correlation-id", correlation_id),
            merchant_id=merchant_id,
            payment_status=status,
            min_amount=_amount("--min-amount", min_amount),
            max_amount=_amount("--max-amount", max_amount),
        )
    except WantedError as error:
        raise UserError(f"This cannot be asked: {error}.", Status.WRONG_USAGE) from None
    if first is None and not wanted.by_identity:
        raise UserError(
            "Say which days with --from (and --to), or which events with --transaction-id, --event-id or "
            "--correlation-id: the whole archive may be years.",
            Status.WRONG_USAGE,
        )
    return wanted


def columns_of(columns: str | None, output_format: Format) -> list[str]:
    if columns is None:
        return _SHOWN if output_format is Format.TABLE else RAW_EVENT_SCHEMA.names
    names = [name.strip() for name in columns.split(",")]
    if unknown := [name for name in names if name not in RAW_EVENT_SCHEMA.names]:
        known = ", ".join(RAW_EVENT_SCHEMA.names)
        raise UserError(f"--columns: there is no {', '.join(unknown)}. There are: {known}.", Status.WRONG_USAGE)
    return list(dict.fromkeys(names))


def _uuid(option: str, text: str | None) -> str | None:
    try:
        return None if text is None else str(UUID(text))
    except ValueError:
        raise UserError(
            f"{option} {text!r} is no UUID. --transaction-id finds events by transaction.", Status.WRONG_USAGE
        ) from None


def _amount(option: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    if not _AMOUNT.fullmatch(text):
        message = f"{option} {text!r} is no amount such as 129.90, with 18 digits and 9 decimals at most."
        raise UserError(message, Status.WRONG_USAGE)
    return Decimal(text)
