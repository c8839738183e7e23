"""Loads SQL files made of sections: `-- name --`, then one line that says what the statement guarantees."""

import re
from importlib.resources import files
from typing import Final

_SECTION: Final = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def load_queries(name: str) -> dict[str, str]:
    """Statement by section name, of the file `queries/<name>.sql`."""
    text = (files("payments_storage") / "queries" / f"{name}.sql").read_text(encoding="utf-8")
    _, *parts = _SECTION.split(text)
    return {section: body.strip() for section, body in zip(parts[::2], parts[1::2], strict=True)}
