"""The queue as tables on a terminal. Whatever comes from an event passes through `safe` and is no markup."""

from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from payments.failed.preview import Expected
from payments.failed.replay import Replayed
from payments.failed.text import age, safe, time_text
from payments.failed.waiting import Waiting
from payments_storage.failed_items import FailedItem, SummaryRow


def show_summary(console: Console, rows: list[SummaryRow], now: datetime) -> None:
    columns = ("stage", "code", "status", "entries", "oldest", "newest", "attempts", "by redrive")
    _table(console, columns, [
        (row.stage, row.error_code, row.status, f"{row.events:,}", age(row.oldest, now), age(row.newest, now),
         str(row.attempts), f"{row.by_redrive:,}")
        for row in rows
    ], right=frozenset(columns[3:]))  # fmt: skip


def show_items(console: Console, items: list[FailedItem], now: datetime) -> None:
    columns = ("id", "age", "status", "code", "hub/partition/sequence", "transaction", "attempts", "message")
    _table(console, columns, [
        (str(item.failed_item_id), age(item.created_at, now), item.status, item.error_code,
         f"{item.event_hub}/{item.partition_id}/{item.sequence_number}", item.transaction_id or "",
         str(item.attempts), item.message)
        for item in items
    ], right=frozenset({"id", "age", "attempts"}))  # fmt: skip


def _table(console: Console, names: tuple[str, ...], rows: list[tuple[str, ...]], right: frozenset[str]) -> None:
    table = Table()
    for name in names:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe(value)) for value in row))
    console.print(table)


def waiting_text(waiting: Waiting, now: datetime) -> str:
    if waiting.problem is not None:
        return f"Dead-letter container: cannot be looked at. {waiting.problem}"
    if not waiting.pending and not waiting.parked and not waiting.unreadable:
        return "Dead-letter container: empty."
    parts = [f"deliveries that wait for the redrive: {waiting.pending:,}"]
    if waiting.parked:
        parts.append(f"parts parked for their many keys: {waiting.parked:,}")
    if waiting.oldest is not None:
        parts.append(f"the oldest event is {age(waiting.oldest, now)} old")
    if waiting.attempts:
        parts.append(f"attempts so far, at most: {waiting.attempts}")
    if waiting.unreadable:
        parts.append(f"set aside as unreadable: {waiting.unreadable:,} (docs/failed-items.md)")
    return f"Dead-letter container: {'; '.join(parts)}."


def item_text(item: FailedItem, payload: str, size: int, now: datetime) -> str:
    fields = {
        "status": item.status,
        "stage": item.stage,
        "code": item.error_code,
        "message": item.message,
        "detail": ", ".join(f"{name} = {value}" for name, value in item.detail.items()),
        "event hub": item.event_hub,
        "partition": item.partition_id,
        "sequence number": str(item.sequence_number),
        "enqueued": _moment(item.enqueued_at, now),
        "failed": _moment(item.created_at, now),
        "last tried": _moment(item.updated_at, now),
        "attempts": str(item.attempts),
        "next attempt": "by a person" if item.next_attempt_at is None else time_text(item.next_attempt_at),
        "event id": item.event_id,
        "transaction id": item.transaction_id,
        "resolved": item.resolved_at and _moment(item.resolved_at, now),
        "resolved by": item.resolved_by,
        "reason": item.resolution,
    }
    if item.status != "pending":
        del fields["next attempt"]
    lines = [f"{name + ':':<17}{safe(value)}" for name, value in fields.items() if value]
    return "\n".join([f"Entry {item.failed_item_id}", *lines, f"payload:         {size:,} bytes", payload])


def _moment(moment: datetime, now: datetime) -> str:
    return f"{time_text(moment)} ({age(moment, now)} ago)"


def expected_text(expected: Expected) -> str:
    parts = [
        (expected.new, "would be stored"),
        (expected.duplicates, "are stored already: they would be resolved as duplicates"),
        (expected.to_archive, "count already: their archive file would be written"),
        *((count, f"would fail again: {code}") for code, count in sorted(expected.rejected.items())),
    ]
    lines = [f"{count:>10,}  {what}" for count, what in parts if count]
    return "\n".join([f"Entries: {expected.chosen:,}", *lines])


def replayed_text(report: Replayed) -> str:
    parts = [
        (report.stored, "stored"),
        (report.duplicates, "were stored already: resolved as duplicates"),
        (report.archived, "archived"),
        (report.left, "left alone: somebody else was replaying them, or has dealt with them"),
        *((count, f"failed again: {code}") for code, count in sorted(report.rejected.items())),
        (report.chosen - report.tried, "not tried"),
    ]
    lines = [f"{count:>10,}  {what}" for count, what in parts if count]
    return "\n".join([f"Entries replayed: {report.chosen:,}", *lines])
