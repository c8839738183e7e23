"""Reads what a person wants to see of the tables; the SQL stands in queries/report.sql."""

from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from payments_storage.errors import database_errors
from payments_storage.sql import load_queries

_SQL: Final = load_queries("report")


@dataclass(frozen=True, slots=True)
class Result:
    """Column names, and the rows under them."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def report(connection: Connection[Any], name: str, parameters: dict[str, Any] | None = None) -> Result:
    """The result of one section of the file."""
    with database_errors():
        cursor = connection.execute(_SQL[name], parameters)
        return Result([column.name for column in cursor.description or ()], cursor.fetchall())
