"""Where one message ends and the next begins: PostgreSQL's protocol 3 and HTTP/1.1, in both directions.

One object reads both directions of one connection, since what one side says decides how the other is read.
"""

import struct
from asyncio import StreamReader
from collections import deque
from dataclasses import dataclass
from typing import Final

_LENGTH: Final = struct.Struct("!i")
_HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True)
class Message:
    """One message as it travels. `kind` is PostgreSQL's type letter, or HTTP's method or status."""

    to_server: bool
    kind: str
    data: bytes
    number: int = 0  # counted by the proxy, over both directions


class PostgresWire:
    """A message is a letter, a length and the rest; the client's first one has no letter."""

    def __init__(self) -> None:
        self._greeted = False

    async def read(self, source: StreamReader, *, to_server: bool) -> Message:
        letter = b"" if to_server and not self._greeted else await source.readexactly(1)
        self._greeted |= to_server
        length = await source.readexactly(_LENGTH.size)
        (size,) = _LENGTH.unpack(length)
        rest = await source.readexactly(size - _LENGTH.size)
        return Message(to_server, letter.decode() or "startup", letter + length + rest)

    def answered(self) -> None:
        raise NotImplementedError("the proxy answers for HTTP servers only")


class HttpWire:
    """A message is a request or a response with its whole body."""

    def __init__(self) -> None:
        self._methods: deque[str] = deque()

    async def read(self, source: StreamReader, *, to_server: bool) -> Message:
        head = await source.readuntil(_HEAD_END)
        first, *lines = head.decode("latin-1").split("\r\n")
        if to_server:
            kind = first.split()[0]
            self._methods.append(kind)
            has_body = True
        else:
            kind = first.split()[1]
            method = self._methods.popleft() if self._methods else ""
            has_body = method != "HEAD" and kind not in {"204", "304"}
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        data = head + await _body(source, headers) if has_body else head
        return Message(to_server, kind, data)

    def answered(self) -> None:
        """The proxy has answered the oldest request itself."""
        self._methods.popleft()


async def _body(source: StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await source.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while True:
        line = await source.readuntil(b"\r\n")
        body += line + await source.readexactly(int(line, 16) + 2)
        if int(line, 16) == 0:
            return body
