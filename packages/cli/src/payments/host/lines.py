"""A stream of bytes to blocks of lines, with bounded memory: without line ends (LF, CR LF) and without blank lines."""

from collections.abc import Iterator
from typing import Final

from payments.errors import UserError
from payments.host.source import Source

_CHUNK: Final = 1 << 20
MAX_LINE: Final = 64 << 20
"""Far beyond what an event hub takes (1 MiB, or 20 MiB in a dedicated cluster): more is no line of events."""


def blocks(source: Source) -> Iterator[list[bytes]]:
    """Each block is what one read brought. Lines are the exact bytes; whether they are JSON is not looked at."""
    begun: list[bytes] = []
    begun_bytes = 0
    chunk = source.head
    while chunk:
        first, *others = chunk.split(b"\n")
        begun.append(first)
        begun_bytes += len(first)
        if begun_bytes > MAX_LINE:
            raise UserError(
                f"{source.label} has a line of more than {MAX_LINE >> 20} MiB. An event hub takes events up to 1 MiB; "
                "NDJSON is expected, one event a line."
            )
        if others:
            lines = [b"".join(begun), *others]
            begun = [lines.pop()]
            begun_bytes = len(begun[0])
            yield _clean(lines)
        chunk = source.read(_CHUNK)
    yield _clean([b"".join(begun)])


def _clean(lines: list[bytes]) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in lines if line and not line.isspace()]
