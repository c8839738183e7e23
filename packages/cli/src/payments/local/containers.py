"""The servers of the tests as containers (`pytest --services containers`), used as the embedded ones are.

Images come from the environment: POSTGRES_IMAGE, AZURITE_IMAGE, EVENTHUBS_IMAGE.
"""

import gc
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

import docker  # type: ignore[import-untyped]
import psycopg
from azure.core.exceptions import AzureError
from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from payments.local.azurite import Azurite
from payments.local.place import Place
from payments.local.postgres import SUPERUSER, PostgresServer
from payments.local.state import State

# Each as in compose.yaml; a test holds the two together.
IMAGES: Final = {
    "POSTGRES_IMAGE": "postgres:17.6",
    "AZURITE_IMAGE": "mcr.microsoft.com/azure-storage/azurite:3.35.0",
    "EVENTHUBS_IMAGE": "mcr.microsoft.com/azure-messaging/eventhubs-emulator:2.1.0",
}
CONFIG: Final = Path(__file__).parents[1] / "eventhub" / "emulator.json"
HUB: Final = "payments"
CONSUMER_GROUP: Final = "ingest"
_START_SECONDS: Final = 60
_READY: Final = "Emulator Service is Successfully Up!"


def image(name: str) -> str:
    return os.environ.get(name) or IMAGES[name]


def unavailable() -> str | None:
    """Why containers cannot be had, or None. Pulls what is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        reason = _try_engine()
        gc.collect()  # docker leaves the socket open on which nobody answered
    return reason


def _try_engine() -> str | None:
    try:
        with closing(docker.from_env()) as client:
            client.ping()
            for name in IMAGES:
                if not client.images.list(image(name)):
                    client.images.pull(image(name))
    except DockerException as error:
        return f"{type(error).__name__}: {error}"
    return None


class PostgresContainer(PostgresServer):
    """`stop` removes it, with its data."""

    def __init__(self, place: Place, state: State) -> None:
        super().__init__(place, state)
        self._ports = state
        self._container = (
            DockerContainer(image("POSTGRES_IMAGE"))
            .with_env("POSTGRES_PASSWORD", state.password)
            .with_exposed_ports(5432)
            .with_command("-c timezone=UTC -c fsync=off -c full_page_writes=off")
        )

    def start(self) -> None:
        self._container.start()
        self._ports.postgres_port = self._container.get_exposed_port(5432)
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(self.dsn(SUPERUSER, "postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                return

    def stop(self) -> bool:
        self._container.stop()
        return True


class AzuriteContainer(Azurite):
    """`stop` removes it, with its data."""

    def __init__(self, place: Place, state: State) -> None:
        super().__init__(place, state)
        self._ports = state
        self._container = (
            DockerContainer(image("AZURITE_IMAGE"))
            .with_env("AZURITE_ACCOUNTS", f"devstoreaccount1:{state.account_key}")
            .with_exposed_ports(10000)
            .with_command("azurite-blob --blobHost 0.0.0.0 --skipApiVersionCheck --disableTelemetry")
        )

    def start(self) -> None:
        self._container.start()
        self._ports.azurite_port = self._container.get_exposed_port(10000)
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.delete_container("nothing")
            except AzureError:
                if time.monotonic() > until:
                    raise
            else:
                return

    def stop(self) -> bool:
        self._container.stop()
        return True


@contextmanager
def emulator() -> Iterator[str]:
    """Yields the connection string of an Event Hubs emulator with one hub; it wants an Azurite beside it."""
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        stack.enter_context(
            DockerContainer(image("AZURITE_IMAGE")).with_network(network).with_network_aliases("azurite")
        )
        hub = (
            DockerContainer(image("EVENTHUBS_IMAGE"))
            .with_network(network)
            .with_env("ACCEPT_EULA", "Y")
            .with_env("BLOB_SERVER", "azurite")
            .with_env("METADATA_SERVER", "azurite")
            .with_exposed_ports(5672)
            .with_volume_mapping(str(CONFIG), "/Eventhubs_Emulator/ConfigFiles/Config.json", "ro")
            .waiting_for(LogMessageWaitStrategy(_READY))
        )
        stack.enter_context(hub)
        yield (
            f"Endpoint=sb://{hub.get_container_host_ip()}:{hub.get_exposed_port(5672)};"
            "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
        )
