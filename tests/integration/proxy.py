"""A TCP proxy on this machine: it lets a server's clients through, or holds back what they send."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 1 << 16
_PATIENCE: Final = 20.0


class Proxy:
    """`held` is set as soon as something that a client has sent is being held back."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._marker = b""
        self._open = Event()
        self._open.set()
        self._sockets: list[socket.socket] = []
        self._threads = [Thread(target=self._accept)]
        self.held = Event()
        self.port: int = self._listener.getsockname()[1]
        self.answered = 0
        """Bytes that the server has sent."""

    @contextmanager
    def holding(self, marker: bytes) -> Iterator[Callable[[], None]]:
        """Holds back requests with this in their head until the function that it yields is called, or to the end."""
        self._marker = marker
        self.held.clear()
        self._open.clear()
        try:
            yield self._open.set
        finally:
            self._open.set()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._sockets):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._sockets += [client, server]
            for source, target, to_server in ((client, server, True), (server, client, False)):
                thread = Thread(target=self._pass_on, args=(source, target), kwargs={"to_server": to_server})
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, *, to_server: bool) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                if to_server and self._marker in data and not self._open.is_set():
                    self.held.set()
                    self._open.wait(_PATIENCE)
                target.sendall(data)
                self.answered += 0 if to_server else len(data)
            target.shutdown(socket.SHUT_WR)
