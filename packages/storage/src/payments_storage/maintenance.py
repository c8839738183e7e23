"""The daily care of the partitions: what lies ahead is made, what is past retention is dropped."""

from datetime import date, timedelta
from typing import Any, Final

from payments_storage.connect import Pool, transaction
from payments_storage.sql import load_queries

_SQL: Final = load_queries("maintenance")


def maintain_partitions(
    pool: Pool,
    today: date,
    *,
    ahead_days: int,
    dedup_window_days: int,
    metrics_retention_days: int,
    failed_items_retention_days: int,
) -> list[str]:
    """Does it, each step in its transaction, and returns a line for each partition touched. Safe to run twice at once.

    failed_items comes last: it may be in use by a replay for minutes, and what was done before it holds.
    """
    steps: dict[str, dict[str, Any]] = {
        "ensure_partitions": {"first": today - timedelta(days=1), "last": today + timedelta(days=ahead_days)},
        "drop_expired_partitions": {
            "dedup_days": dedup_window_days, "metrics_days": metrics_retention_days, "today": today,
        },
        "ensure_failed_items_partitions": {"today": today},
        "drop_expired_failed_items": {"retention_days": failed_items_retention_days, "today": today},
    }  # fmt: skip
    lines = []
    for name, parameters in steps.items():
        with transaction(pool, seconds=None) as connection:
            connection.execute(_SQL["without_time_limit"])
            rows = connection.execute(_SQL[name], parameters).fetchall()
        lines += [" ".join(str(value) for value in row) for row in rows]
    return lines
