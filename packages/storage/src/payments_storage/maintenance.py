"""The daily care of the day partitions: what lies ahead is made, what is past retention is dropped."""

from datetime import date, timedelta
from typing import Final

from payments_storage.connect import Pool, transaction
from payments_storage.sql import load_queries

_SQL: Final = load_queries("maintenance")


def maintain_partitions(
    pool: Pool, today: date, *, ahead_days: int, dedup_window_days: int, metrics_retention_days: int
) -> list[str]:
    """Does it, in two transactions, and returns a line for each partition touched. Safe to run twice at once."""
    ahead = {"first": today - timedelta(days=1), "last": today + timedelta(days=ahead_days)}
    expiry = {"dedup_days": dedup_window_days, "metrics_days": metrics_retention_days, "today": today}
    lines = []
    for name, parameters in (("ensure_partitions", ahead), ("drop_expired_partitions", expiry)):
        with transaction(pool, seconds=None) as connection:
            connection.execute(_SQL["without_time_limit"])
            rows = connection.execute(_SQL[name], parameters).fetchall()
        lines += [" ".join(str(value) for value in row) for row in rows]
    return lines
