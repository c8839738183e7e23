"""`payments migrate`: the tables, functions, roles and partitions that the application needs."""

import os

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential
from azure_postgresql_auth.core import get_entra_conninfo
from azure_postgresql_auth.errors import AzurePgEntraError
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from payments.errors import Status, UserError
from payments.local.migrate import apply_migrations, make_partitions
from payments.local.services import use_local_services_if_unset
from payments_storage.settings import PostgresAuth


def migrate() -> None:
    """Bring the database to the state of database/migrations, and make the partitions of the coming week.

    Repeat it as often as you like. Set POSTGRES_MIGRATOR_DSN to a login that owns the database (POSTGRES_DSN is used
    without it); with no password in it, and POSTGRES_AUTH not password, the login is a Microsoft Entra identity.

    Example: payments migrate
    """
    dsn = _with_login(_configured_dsn())
    files = apply_migrations(dsn)
    for file in files:
        print(f"Applied {file}")
    partitions = make_partitions(dsn)
    print(f"{len(files)} migrations applied, {len(partitions)} partitions made.")


def _configured_dsn() -> str:
    if not os.environ.get("POSTGRES_MIGRATOR_DSN"):
        use_local_services_if_unset()
    dsn = os.environ.get("POSTGRES_MIGRATOR_DSN") or os.environ.get("POSTGRES_DSN")
    if not dsn:
        raise UserError(
            "No database is configured. Set POSTGRES_MIGRATOR_DSN, e.g. postgresql://migrator@host:5432/payments.",
            Status.WRONG_USAGE,
        )
    return dsn


def _with_login(dsn: str) -> str:
    try:
        parts = conninfo_to_dict(dsn)
    except ProgrammingError:
        raise UserError(
            "The connection string of the database cannot be read. Write it as postgresql://migrator@host:5432/payments.",
            Status.WRONG_USAGE,
        ) from None
    if "password" in parts or os.environ.get("POSTGRES_AUTH") == PostgresAuth.PASSWORD:
        return dsn
    try:
        login = get_entra_conninfo(DefaultAzureCredential())
    except (ClientAuthenticationError, AzurePgEntraError) as error:
        raise UserError(
            f"No Microsoft Entra token for PostgreSQL: {error}\nLog in with `az login`, or set POSTGRES_AUTH=password."
        ) from error
    return make_conninfo(dsn, **login | {name: str(parts[name]) for name in ("user",) if name in parts})
