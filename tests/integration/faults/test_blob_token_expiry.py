"""Blob Storage by token, on an Azurite that takes tokens (over HTTPS only) and looks at when they expire."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.integration.books import Books
from tests.integration.events import bodies, messages
from tests.integration.system import System

from ingest.settings import IngestSettings
from ingest.wiring import Runtime
from payments.local.azurite import Azurite
from payments.local.place import temporary_place
from payments.local.state import fresh
from payments_storage import connect
from payments_storage.errors import PermanentStorageError
from payments_storage.settings import PostgresAuth

from .everything_written import everything_written

if TYPE_CHECKING:
    from conftest import Database

AZURITE_REFUSES = 403
"""Azure says 401 there; `test_archive_away.py` has both."""
LIFE = 2
"""Seconds. Tokens say when they expire in whole ones."""


class Tokens:
    """A credential that keeps a token until it expires, as azure-identity does. With `stale` set, for ever."""

    def __init__(self) -> None:
        self.issued: list[AccessToken] = []
        self.stale = False

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        if not self.issued or (not self.stale and time.time() >= self.issued[-1].expires_on - 1):
            self.issued.append(_token(int(time.time()) + LIFE + 1))
        return self.issued[-1]

    def expire(self) -> None:
        """Waits until what was issued last has expired."""
        time.sleep(max(0.0, self.issued[-1].expires_on + 1 - time.time()))


def _token(expires_on: int) -> AccessToken:
    claims = {
        "iss": "https://sts.windows.net/any/",
        "aud": "https://storage.azure.com",
        "iat": expires_on - 60,
        "nbf": expires_on - 60,
        "exp": expires_on,
        "jti": time.time_ns(),
    }
    parts = (json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims))
    texts = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
    return AccessToken(".".join([*texts, "c2ln"]), expires_on)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """For 127.0.0.1, signed by itself; and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(*encoding))
    return paths


@pytest.fixture(scope="module")
def azurite(certificate: tuple[Path, Path]) -> Iterator[Azurite]:
    options: list[str | Path] = ["--oauth", "basic", "--cert", certificate[0], "--key", certificate[1]]
    with temporary_place() as place:
        server = Azurite(place, fresh(place.folder), options)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path]) -> Tokens:
    """What the pipeline's credential hands out, in a process that trusts the certificate."""
    tokens = Tokens()
    monkeypatch.setattr(connect, "credential", lambda _: tokens)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tokens


class TokenSystem(System):
    """The function on a storage account without keys."""

    def __init__(self, database: "Database", azurite: Azurite) -> None:
        settings = IngestSettings.load(
            postgres_dsn=database.dsn,
            postgres_auth=PostgresAuth.PASSWORD,
            archive_account_url="https://account.blob.core.windows.net",
            archive_container="archive",
            dead_letter_container="dead-letter",
            retry_budget_seconds=2,
        )
        # Azurite has the account in the path, which no account of Azure's has.
        url = f"https://{azurite.address}/devstoreaccount1"
        self.database = database
        self.settings = settings.model_copy(update={"archive_account_url": url})
        self.runtime = Runtime(self.settings)
        self.container = connect.open_container(self.settings)
        self.dead_letters = connect.open_container(self.settings, self.settings.dead_letter_container)
        for container in (self.container, self.dead_letters):
            container.create_container()

    def close(self) -> None:
        for container in (self.container, self.dead_letters):
            container.delete_container()
            container.close()
        self.runtime.close()


@pytest.fixture
def system(database: "Database", azurite: Azurite, tokens: Tokens) -> Iterator[TokenSystem]:
    system = TokenSystem(database, azurite)
    yield system
    tokens.stale = False
    system.close()


def refused(system: TokenSystem, token: AccessToken) -> bool:
    """Whether Blob Storage refuses this token."""
    handed = SimpleNamespace(get_token=lambda *_scopes, **_options: token)
    with BlobServiceClient(system.settings.archive_account_url or "", cast("TokenCredential", handed)) as service:
        try:
            service.get_container_client("archive").get_container_properties()
        except HttpResponseError as error:
            status = error.status_code
        else:
            return False
    assert status == AZURITE_REFUSES
    return True


def test_a_run_goes_on_over_the_expiry_of_its_tokens(system: TokenSystem, tokens: Tokens) -> None:
    """Each token but the last is refused by then: without a new one the run could not have gone on."""
    books = Books()
    for number in range(3):
        batch = messages(bodies(range(number * 2, number * 2 + 2)), first=number * 2)
        books.deliver(batch)
        assert system.deliver(batch).archived == 2
        assert not refused(system, tokens.issued[-1])
        tokens.expire()
    assert system.state() == books.state()
    assert len(tokens.issued) >= 4
    assert all(refused(system, token) for token in tokens.issued[:-1])


def test_an_expired_token_is_raised_at_once_and_the_same_batch_counts_with_a_new_one(
    system: TokenSystem, tokens: Tokens
) -> None:
    """As the host sees it: nothing is dropped, the partition is held. No token is written, at whatever level."""
    books = Books()
    batch = messages(bodies(range(2)))
    books.deliver(batch)
    tokens.get_token()
    tokens.stale = True
    tokens.expire()
    with everything_written([]) as written:
        with pytest.raises(PermanentStorageError, match=r"Blob Storage: write raw_events/.*: HTTP 403"):
            system.deliver(batch)
        assert system.rows("SELECT FROM ingested_events") == []
        tokens.stale = False
        assert system.deliver(batch).archived == 2
        text = written.text()
    assert system.state() == books.state()
    assert not any(token.token.split(".")[1] in text for token in tokens.issued)
