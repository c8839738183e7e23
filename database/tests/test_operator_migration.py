"""An installation in which the function's login could rebuild loses that, in the middle of a rebuild too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from payments.local.database import OPERATOR, WRITER
from payments.local.migrate import apply_migrations

if TYPE_CHECKING:
    from collections.abc import Callable

    from payments.local.postgres import PostgresServer


@pytest.fixture
def before(as_before: Callable[[str], str]) -> str:
    """A database as the release before left it."""
    return as_before("20261126002000")


def test_a_rebuild_under_way_goes_on_as_operator_and_not_as_writer(
    before: str, postgres_server: PostgresServer, empty_database: str
) -> None:
    writer_dsn, operator_dsn = (postgres_server.dsn(login, empty_database) for login in (WRITER, OPERATOR))
    add = (
        "INSERT INTO dynamic_metrics_20240310_rebuilt (transaction_id, metric_type, metric_value, created_at) "
        "VALUES ('t', 'm', 1, '2024-03-10 12:00Z')"
    )
    with psycopg.connect(writer_dsn, autocommit=True) as writer, psycopg.connect(operator_dsn) as operator:
        writer.execute("SELECT ensure_partitions('2024-03-10', '2024-03-10')")
        writer.execute("SELECT make_rebuilt_partition('2024-03-10')")
        writer.execute(add)

        apply_migrations(before)

        with pytest.raises(InsufficientPrivilege):
            writer.execute(add)
        operator.execute(add)
        operator.execute("SELECT lock_for_rebuild('{2024-03-10}', '{}')")
        operator.execute("SELECT swap_rebuilt('{2024-03-10}', '{}', now(), now(), '{}')")
        operator.commit()
        assert writer.execute("SELECT count(*) FROM dynamic_metrics").fetchone() == (2,)
        for connection in (writer, operator):  # as in every other partition
            with pytest.raises(InsufficientPrivilege):
                connection.execute("SELECT FROM dynamic_metrics_20240310")
