"""Marked events for a smoke test, and where in the tables and the archive they are.

They take the way of every event and are told from money by three marks: the currency XTS, which ISO 4217 keeps for
tests; event type and payment method `smoke.<run>`, so that the aggregates have rows of their own for each run and its
sums are exact whatever else is going on; and the merchant `smoke`.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid5

import pyarrow.compute as pc
from azure.storage.blob import ContainerClient
from psycopg import Connection

from payments_storage.errors import blob_errors, database_errors
from payments_storage.raw_event import from_parquet
from payments_storage.sql import load_queries

CURRENCY: Final = "XTS"
MERCHANT: Final = "smoke"
_NAMESPACE: Final = UUID("1b0f8f0e-0f4b-5f6e-8f57-6a1f0b8d9c33")
_SQL: Final = load_queries("smoke")


@dataclass(frozen=True)
class Total:
    """Events, and the sum of their amounts; None where a place knows no amounts."""

    events: int
    amount: Decimal | None

    def is_all_of(self, expected: "Total") -> bool:
        return self.events == expected.events and self.amount in {None, expected.amount}


@dataclass(frozen=True)
class SmokeEvents:
    """`count` events of the run, all at the same moment: so they lie in one window of each length."""

    run: str
    count: int
    moment: datetime

    @property
    def mark(self) -> str:
        return f"smoke.{self.run}"

    @property
    def total(self) -> Total:
        return Total(self.count, sum((_amount(number) for number in range(self.count)), Decimal(0)))

    def lines(self) -> list[bytes]:
        """One JSON object and a line feed each."""
        return [json.dumps(self._event(number)).encode() + b"\n" for number in range(self.count)]

    def parameters(self) -> dict[str, Any]:
        numbers = range(self.count)
        return {
            "event_ids": [str(self._event_id(number)) for number in numbers],
            "transaction_ids": [self._transaction_id(number) for number in numbers],
            "moment": self.moment,
            "mark": self.mark,
            "currency": CURRENCY,
        }

    def _event(self, number: int) -> dict[str, str]:
        return {
            "transaction_id": self._transaction_id(number),
            "event_type": self.mark,
            "occurred_at": self.moment.isoformat(),
            "amount": str(_amount(number)),
            "currency": CURRENCY,
            "payment_method": self.mark,
            "payment_status": "captured",
            "event_id": str(self._event_id(number)),
            "merchant_id": MERCHANT,
        }

    def _event_id(self, number: int) -> UUID:
        return uuid5(_NAMESPACE, f"{self.run}\0{number}")

    def _transaction_id(self, number: int) -> str:
        return f"smoke-{self.run}-{number}"


def _amount(number: int) -> Decimal:
    """Different ones, with as many digits as the column for money has: a float on the way would show."""
    return Decimal(number + 1) + Decimal(number + 1).scaleb(-9)


@dataclass
class SmokeLook:
    """Looks again each time; what it has read of the archive it keeps."""

    events: SmokeEvents
    since: datetime
    _files: dict[str, Total] = field(default_factory=dict)

    def places(self, connection: Connection[Any], container: ContainerClient) -> dict[str, Total]:
        """Place -> what is there. Raises StorageError."""
        parameters = self.events.parameters() | {"since": self.since}
        found: dict[str, Total] = {}
        with database_errors():
            for table in ("ingested_events", "dynamic_metrics", "payment_metrics_5m"):
                ((count, amount),) = connection.execute(_SQL[table], parameters).fetchall()
                found[table] = Total(count, amount)
            windows = connection.execute(_SQL["aggregate_histograms"], parameters).fetchall()
            paths = [path for (path,) in connection.execute(_SQL["files"], parameters).fetchall()]
        for length, count, amount in windows:
            found[f"aggregate_histograms {length}"] = Total(count, amount)
        if not windows:
            found["aggregate_histograms"] = Total(0, Decimal(0))
        for path in paths:
            if path not in self._files:
                self._files[path] = self._in_file(container, path)
        totals = [self._files[path] for path in paths]
        found["archive"] = Total(
            sum(total.events for total in totals), sum((total.amount or Decimal(0) for total in totals), Decimal(0))
        )
        return found

    def refused(self, connection: Connection[Any]) -> dict[str, int]:
        """Error code -> events of this run in failed_items."""
        with database_errors():
            rows = connection.execute(_SQL["failed"], self.events.parameters() | {"since": self.since}).fetchall()
        return dict(rows)

    def _in_file(self, container: ContainerClient, path: str) -> Total:
        with blob_errors("read a file of the archive"):
            data = container.download_blob(path).readall()
        table = from_parquet(data).filter(pc.field("event_type") == self.events.mark)
        return Total(table.num_rows, pc.sum(table["amount"]).as_py() or Decimal(0))


def database_time(connection: Connection[Any]) -> datetime:
    """The server's clock, by which `created_at` goes."""
    with database_errors():
        ((moment,),) = connection.execute(_SQL["now"]).fetchall()
    result: datetime = moment
    return result
