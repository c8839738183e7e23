"""What is ingested: a file or standard input, opened as a stream of bytes with the event hub name its lines come under.

A file's name is its content, so that the same file again takes the same positions; the content is read in a first pass.
"""

import hashlib
import json
import os
import select
import shlex
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from payments.errors import Status, UserError

STDIN: Final = "-"
_STDIN_FD: Final = 0
_HEAD: Final = 1 << 18
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Source:
    """`head` is what was read from the stream already, without a byte order mark; `size` is None if it is not known."""

    label: str
    hub_name: str
    size: int | None
    head: bytes
    stream: FileIO

    def read(self, count: int) -> bytes:
        return _read(self.stream, count)


def _read(stream: FileIO, count: int) -> bytes:
    """Up to `count` bytes, none at the end. Another program may have left a shared pipe in non-blocking mode."""
    while True:
        data: bytes | None = stream.read(count)
        if data is not None:
            return data
        select.select([stream], [], [])


@contextmanager
def opened(argument: str, partitions: int) -> Iterator[Source]:
    """The source that a command's argument names.

    How many partitions there are is part of the hub's name: another number gives the lines other positions, and one
    position must never stand for two lines.
    """
    try:
        with FileIO(_STDIN_FD, closefd=False) if argument == STDIN else FileIO(argument) as stream:
            size = None
            name = f"stdin:{uuid.uuid4()}"
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) and argument != STDIN:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
                size = stream.seek(0, os.SEEK_END)
                stream.seek(0)
                name = f"file:{digest}"
            label = "standard input" if argument == STDIN else Path(argument).name
            head = _read_head(stream)
            _refuse_other_formats(head, argument, label)
            yield Source(label, f"{name}/{partitions}", size, head.removeprefix(_BOM), stream)
    except OSError as error:
        raise UserError(f"Cannot read {argument}: {error.strerror}.", Status.WRONG_USAGE) from error


def _read_head(stream: FileIO) -> bytes:
    """Enough to know the format. A pipe may give less at first: wait for a line, not for more."""
    head = b""
    while len(head) < _HEAD and b"\n" not in head.lstrip():
        more = _read(stream, _HEAD - len(head))
        if not more:
            break
        head += more
    return head


def _refuse_other_formats(head: bytes, argument: str, label: str) -> None:
    file = "" if argument == STDIN else f" {shlex.quote(argument)}"
    if head.startswith(_GZIP):
        raise _not_ndjson(f"{label} is compressed", f"gunzip -c{file} | payments ingest -")
    if head.startswith(_UTF16):
        raise _not_ndjson(
            f"{label} is UTF-16, and JSON is UTF-8", f"iconv -f UTF-16 -t UTF-8{file} | payments ingest -"
        )
    text = head.removeprefix(_BOM).lstrip()
    line, _, rest = text.partition(b"\n")
    if text.startswith(b"[") and not (_is_json(line) and rest.strip()):
        raise _not_ndjson(f"{label} is one JSON array", f"jq -c '.[]'{file} | payments ingest -")
    if text.startswith(b"{") and _spans_lines(text, line):
        raise _not_ndjson(f"{label} is JSON spread over lines", f"jq -c .{file} | payments ingest -")


def _not_ndjson(finding: str, remedy: str) -> UserError:
    return UserError(f"{finding}; NDJSON is expected, one event a line. Convert it:\n    {remedy}", Status.WRONG_USAGE)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _spans_lines(text: bytes, first_line: bytes) -> bool:
    """Whether the first object goes on beyond its line; of an event cut off by its sender the next line is no part."""
    if first_line.strip() == b"{":
        return True
    try:
        _, end = json.JSONDecoder().raw_decode(text.decode(errors="replace"))
    except (ValueError, RecursionError):
        return False
    return end > len(first_line.decode(errors="replace"))
