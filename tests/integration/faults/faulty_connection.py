"""One connection through the proxy, and the harm that can be done to it."""

import asyncio
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from socket import SO_LINGER, SOL_SOCKET
from typing import Final, Protocol

from .wire import HttpWire, Message, PostgresWire

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Fault(StrEnum):
    """What becomes of a connection at a message, which is not delivered as a whole."""

    CUT = "cut"  # reset on both sides
    HALVE = "halve"  # half of the message arrives, then both sides are closed
    HALF_CLOSE = "half_close"  # the receiver sees the end of the stream; the other direction goes on
    BLACKHOLE = "blackhole"  # from here on nothing arrives on either side, and no end either


@dataclass(frozen=True)
class Delay:
    """The message arrives after this many seconds."""

    seconds: float


@dataclass(frozen=True)
class Answer:
    """The proxy answers an HTTP request itself, and the server never sees it. `headers` end with a line break each."""

    status: int
    headers: str = ""

    def __bytes__(self) -> bytes:
        return f"HTTP/1.1 {self.status} Fault\r\n{self.headers}Content-Length: 0\r\n\r\n".encode()


@dataclass(frozen=True)
class Headers:
    """An HTTP answer arrives with this header, in place of one of its name; a line with its break."""

    header: str

    def added_to(self, data: bytes) -> bytes:
        head, end, body = data.partition(b"\r\n\r\n")
        name = self.header.partition(":")[0].lower().encode() + b":"
        first, *lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(name)]
        return b"\r\n".join([first, self.header.strip().encode(), *lines]) + end + body


@dataclass(frozen=True)
class Body:
    """An HTTP answer arrives with other text in its body, in so many places at most (-1: in all)."""

    old: bytes
    new: bytes
    places: int = -1

    def put_into(self, data: bytes) -> bytes:
        head, end, body = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        if b"transfer-encoding: chunked" in head.lower():
            body = b"".join(_chunks(body))
        body = body.replace(self.old, self.new, self.places)
        lines = [line for line in lines if not line.lower().startswith((b"transfer-encoding:", b"content-length:"))]
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + end + body


def _chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        yield rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]


Action = Fault | Delay | Answer | Headers | Body
Streams = tuple[StreamReader, StreamWriter]


class Plan(Protocol):
    """Numbers messages and says what to do with them."""

    def number(self) -> int: ...

    def action(self, message: Message) -> Action | None: ...


class FaultyConnection:
    """Passes the messages of both directions on until both have ended."""

    def __init__(self, plan: Plan, wire: PostgresWire | HttpWire, client: Streams, server: Streams) -> None:
        self._plan = plan
        self._wire = wire
        self._client = client
        self._server = server
        self._lost = False
        self._ended: set[StreamWriter] = set()

    async def run(self) -> None:
        await asyncio.gather(self._pass_on(to_server=True), self._pass_on(to_server=False))
        for _, writer in (self._client, self._server):
            writer.close()

    def cut(self) -> None:
        for _, writer in (self._client, self._server):
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()

    async def _pass_on(self, *, to_server: bool) -> None:
        source, target = (self._client[0], self._server[1]) if to_server else (self._server[0], self._client[1])
        with suppress(OSError, EOFError):
            while True:
                message = await self._wire.read(source, to_server=to_server)
                if self._lost or target.is_closing() or target in self._ended:
                    continue
                message = replace(message, number=self._plan.number())
                action = self._plan.action(message)
                if action is None:
                    target.write(message.data)
                    await target.drain()
                else:
                    await self._do(action, message, target)
        if not self._lost:
            with suppress(OSError):
                target.write_eof()

    async def _do(self, action: Action, message: Message, target: StreamWriter) -> None:
        match action:
            case Delay(seconds):
                await asyncio.sleep(seconds)
                target.write(message.data)
            case Answer():
                self._wire.answered()
                self._client[1].write(bytes(action))
            case Headers():
                target.write(action.added_to(message.data))
            case Body():
                target.write(action.put_into(message.data))
            case Fault.BLACKHOLE:
                self._lost = True
            case Fault.HALF_CLOSE:
                self._ended.add(target)
                target.write_eof()
            case Fault.HALVE:
                target.write(message.data[: len(message.data) // 2])
                self._client[1].close()
                self._server[1].close()
            case Fault.CUT:
                self.cut()
