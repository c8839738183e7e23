"""Settings of the stores, read from the environment and checked at start-up.

A bad setting raises `SettingsError`, which names the key, the value (unless it may hold a secret) and the reason.
"""

from enum import StrEnum
from typing import Any, Final, Self

from azure.storage.blob import BlobServiceClient
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import ProgrammingError
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_SECRETS: Final = frozenset({"POSTGRES_DSN", "ARCHIVE_CONNECTION_STRING"})


class SettingsError(Exception):
    """The environment does not describe a system that can start."""


class PostgresAuth(StrEnum):
    """How to log in to PostgreSQL."""

    ENTRA = "entra"
    PASSWORD = "password"  # noqa: S105 - the name of a method


class ArchiveSettings(BaseSettings):
    """Where the archive is: enough to read it. docs/settings.md lists every setting; a test holds the two together."""

    # An empty variable is an unset one: hosts and compose files set what they have no value for to nothing.
    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    archive_connection_string: SecretStr | None = Field(
        None, description="Blob Storage connection string (Azurite, local); else ARCHIVE_ACCOUNT_URL"
    )
    archive_account_url: str | None = Field(
        None,
        pattern=r"^https://[^/?#]+/?$",
        description="Blob Storage account, by managed identity",
    )
    archive_container: str = Field(
        "raw-events",
        min_length=3,
        max_length=63,
        pattern="^[a-z0-9]+(-[a-z0-9]+)*$",
        description="container of the archive",
    )
    azure_client_id: str | None = Field(None, description="client id of the user-assigned managed identity")

    @field_validator("archive_connection_string")
    @classmethod
    def _readable_connection_string(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                BlobServiceClient.from_connection_string(value.get_secret_value())
            except ValueError:
                raise ValueError(
                    "not a Blob Storage connection string such as AccountName=...;AccountKey=...;BlobEndpoint=http://..."
                ) from None
        return value

    @model_validator(mode="after")
    def _one_archive(self) -> Self:
        if (self.archive_connection_string is None) == (self.archive_account_url is None):
            raise ValueError("set exactly one of ARCHIVE_ACCOUNT_URL (Azure) and ARCHIVE_CONNECTION_STRING (local)")
        return self

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """The settings of this process's environment."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            lines = [_explain(problem) for problem in error.errors(include_url=False)]
            raise SettingsError("\n".join(["The settings cannot be used:", *lines])) from None


class StorageSettings(ArchiveSettings):
    """Where PostgreSQL and the archive are."""

    postgres_dsn: SecretStr = Field(description="PostgreSQL, e.g. postgresql://ingest@host:5432/payments")
    postgres_auth: PostgresAuth = Field(
        PostgresAuth.ENTRA, description="entra: a token of the managed identity; password: the one in POSTGRES_DSN"
    )
    postgres_pool_size: int = Field(4, ge=1, le=50, description="connections of one worker process at most")
    dead_letter_container: str = Field(
        "dead-letter",
        min_length=3,
        max_length=63,
        pattern="^[a-z0-9]+(-[a-z0-9]+)*$",
        description="container of the same account for batches that wait for PostgreSQL",
    )

    @field_validator("postgres_dsn")
    @classmethod
    def _readable_dsn(cls, value: SecretStr) -> SecretStr:
        try:
            conninfo_to_dict(value.get_secret_value())
        except ProgrammingError:
            raise ValueError(
                "not a PostgreSQL connection string such as postgresql://ingest@host:5432/payments"
            ) from None
        return value

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        has_password = "password" in conninfo_to_dict(self.postgres_dsn.get_secret_value())
        if self.postgres_auth is PostgresAuth.ENTRA and has_password:
            raise ValueError(
                "POSTGRES_DSN holds a password; with POSTGRES_AUTH=entra take it out, or set POSTGRES_AUTH=password"
            )
        return self


def _explain(problem: Any) -> str:
    key = "_".join(str(part) for part in problem["loc"]).upper()
    if problem["type"] == "missing":
        return f"  {key} is not set"
    reason = problem["msg"].removeprefix("Value error, ")
    if not key:
        return f"  {reason}"
    may_be_secret = key in _SECRETS or "?" in str(problem["input"])  # a URL's query may be a shared access signature
    shown = "(not shown)" if may_be_secret else repr(problem["input"])
    return f"  {key} = {shown}: {reason}"
