"""Where an answer goes: standard output, or a file that appears under its name only when the answer is whole."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from payments.errors import UserError

STDOUT: Final = Path("-")


@contextmanager
def opened(output: Path) -> Iterator[BinaryIO]:
    """A file only its owner may read. Until the end, and after an error for good, it is called NAME.incomplete."""
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = output.with_name(f"{output.name}.incomplete")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
        unfinished.replace(output)
    except OSError as error:
        raise UserError(f"Cannot write {output}: {error.strerror}. Name another file with --output.") from error
