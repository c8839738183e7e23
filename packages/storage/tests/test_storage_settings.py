"""Settings of the stores: a system starts with good ones, or says in a line for each bad one what is wrong with it."""

import os
import re

import pytest

from payments_storage.settings import PostgresAuth, SettingsError, StorageSettings

DSN = "postgresql://ingest:s3cret@db.example:5432/payments"
CONNECTION_STRING = "AccountName=acc;AccountKey=czNjcmV0;BlobEndpoint=http://127.0.0.1:10000/acc;"
LOCAL = {"POSTGRES_DSN": DSN, "POSTGRES_AUTH": "password", "ARCHIVE_CONNECTION_STRING": CONNECTION_STRING}
AZURE = {
    "POSTGRES_DSN": "postgresql://ingest@db.example/payments",
    "ARCHIVE_ACCOUNT_URL": "https://acc.blob.core.windows.net",
}
SECRETS = ("s3cret", "czNjcmV0")


def load(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> StorageSettings:
    for name in list(os.environ):
        if name.startswith(("POSTGRES_", "ARCHIVE_", "AZURE_")):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return StorageSettings.load()


def test_in_azure_two_settings_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, AZURE)
    assert settings.postgres_auth is PostgresAuth.ENTRA
    assert settings.archive_connection_string is None
    assert (settings.archive_container, settings.postgres_pool_size) == ("raw-events", 4)


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, {**AZURE, "AZURE_CLIENT_ID": "", "ARCHIVE_CONNECTION_STRING": "", "POSTGRES_AUTH": ""})
    assert settings.azure_client_id is None
    assert settings.postgres_auth is PostgresAuth.ENTRA
    with pytest.raises(SettingsError, match="POSTGRES_DSN is not set"):
        load(monkeypatch, {**AZURE, "POSTGRES_DSN": ""})


BAD = [
    ({"POSTGRES_DSN": None}, "POSTGRES_DSN is not set"),
    ({"POSTGRES_DSN": "postgresql://ingest:s3cret@db?colour=red"}, "POSTGRES_DSN = (not shown): not a PostgreSQL"),
    ({"POSTGRES_AUTH": "kerberos"}, "POSTGRES_AUTH = 'kerberos': Input should be 'entra' or 'password'"),
    ({"POSTGRES_AUTH": None}, "POSTGRES_DSN holds a password; with POSTGRES_AUTH=entra take it out"),
    ({"POSTGRES_POOL_SIZE": "0"}, "POSTGRES_POOL_SIZE = '0': Input should be greater than or equal to 1"),
    ({"POSTGRES_POOL_SIZE": "51"}, "POSTGRES_POOL_SIZE = '51': Input should be less than or equal to 50"),
    ({"POSTGRES_POOL_SIZE": "many"}, "POSTGRES_POOL_SIZE = 'many': Input should be a valid integer"),
    ({"ARCHIVE_CONNECTION_STRING": None}, "set exactly one of ARCHIVE_ACCOUNT_URL"),
    ({"ARCHIVE_ACCOUNT_URL": "https://acc.blob.core.windows.net"}, "set exactly one of ARCHIVE_ACCOUNT_URL"),
    ({"ARCHIVE_CONNECTION_STRING": "s3cret"}, "ARCHIVE_CONNECTION_STRING = (not shown): not a Blob Storage connection"),
    (
        {"ARCHIVE_ACCOUNT_URL": "http://acc"},
        "ARCHIVE_ACCOUNT_URL = 'http://acc': String should match pattern '^https://",
    ),
    (
        {"ARCHIVE_ACCOUNT_URL": "https://acc.blob.core.windows.net/?sig=s3cret"},
        "ARCHIVE_ACCOUNT_URL = (not shown): String should match pattern '^https://",
    ),
    ({"ARCHIVE_CONTAINER": "Raw_Events"}, "ARCHIVE_CONTAINER = 'Raw_Events': String should match pattern"),
    ({"ARCHIVE_CONTAINER": "a--b"}, "ARCHIVE_CONTAINER = 'a--b': String should match pattern"),
    ({"ARCHIVE_CONTAINER": "ab"}, "ARCHIVE_CONTAINER = 'ab': String should have at least 3 characters"),
    ({"ARCHIVE_CONTAINER": "a" * 64}, "String should have at most 63 characters"),
]


@pytest.mark.parametrize(("changes", "line"), BAD)
def test_a_bad_setting_is_named_with_its_value_and_the_reason_in_one_line(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], line: str
) -> None:
    environment = {name: value for name, value in {**LOCAL, **changes}.items() if value is not None}
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, environment)
    head, *lines = str(caught.value).splitlines()
    assert head == "The settings cannot be used:"
    assert len(lines) == 1
    assert line in lines[0]
    assert not any(secret in str(caught.value) for secret in SECRETS)


def test_all_bad_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, {"POSTGRES_AUTH": "no", "POSTGRES_POOL_SIZE": "no", "ARCHIVE_CONTAINER": "NO"})
    assert re.findall(r"^  (\w+)", str(caught.value), re.MULTILINE) == [
        "ARCHIVE_CONTAINER",
        "POSTGRES_DSN",
        "POSTGRES_AUTH",
        "POSTGRES_POOL_SIZE",
    ]


def test_settings_show_no_secret_and_leave_no_trace_of_one_in_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, LOCAL)
    assert not any(secret in text for secret in SECRETS for text in (repr(settings), str(settings)))
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, {**LOCAL, "POSTGRES_DSN": "s3cret"})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__, "pydantic's own error quotes the input"


def test_settings_cannot_be_changed_after_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, LOCAL)
    with pytest.raises(ValueError, match="frozen"):
        settings.postgres_pool_size = 9
