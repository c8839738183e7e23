"""A TCP proxy that does harm between any two messages of a connection: cuts, half-closes, delays, swallows, answers.

A blackhole tells neither side anything, as a network does that has lost them: the server goes on waiting, with its
transaction open, until a limit of its own ends it.
"""

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self

from .faulty_connection import Action, FaultyConnection
from .wire import HttpWire, Message, PostgresWire

_PATIENCE: Final = 10.0

Where = Callable[[Message], bool]


def at(number: int) -> Where:
    return lambda message: message.number == number


class Struck(list[Message]):
    """The messages that something was done to, in order."""

    def first(self) -> Message:
        """Waits for it."""
        deadline = time.monotonic() + _PATIENCE
        while not self:
            assert time.monotonic() < deadline, "no message came that the fault was meant for"
            time.sleep(0.01)
        return self[0]


class FaultProxy:
    """Passes messages on, and does what `doing` says. A server that is down is a connection that is reset."""

    def __init__(self, server: str, wire: type[PostgresWire | HttpWire]) -> None:
        self._server = server
        self._wire = wire
        self._plan: Callable[[Message], Action | None] = lambda _: None
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._connections: set[FaultyConnection] = set()
        self.messages = 0
        self.address = ""

    @contextmanager
    def doing(self, action: Action, where: Where, *, times: int | None = 1) -> Iterator[Struck]:
        """Does it to the first `times` messages that `where` picks (None: to all). They are numbered from 1 anew."""
        struck = Struck()

        def plan(message: Message) -> Action | None:
            if (times is not None and len(struck) >= times) or not where(message):
                return None
            struck.append(message)
            return action

        self.messages, self._plan = 0, plan
        try:
            yield struck
        finally:
            self._plan = lambda _: None

    def cut_all(self) -> None:
        """Resets every connection there is."""

        async def cut() -> None:
            for connection in self._connections:
                connection.cut()

        self._run(cut())

    def number(self) -> int:
        """That of the next message."""
        self.messages += 1
        return self.messages

    def action(self, message: Message) -> Action | None:
        return self._plan(message)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listener = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        host, port = self._listener.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._listener.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in self._connections:
            connection.cut()
        await asyncio.gather(*serving)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        host, _, port = self._server.rpartition(":")
        try:
            server = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        connection = FaultyConnection(self, self._wire(), (reader, writer), server)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)
