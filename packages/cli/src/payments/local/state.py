"""What the local servers need to remember between two starts: their secrets and the ports they had."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from payments.errors import UserError

_FILE = "state.json"


@dataclass
class State:
    """`password` is that of every PostgreSQL login; `account_key` is Azurite's, in base64."""

    folder: Path
    password: str
    account_key: str
    postgres_port: int | None = None
    azurite_port: int | None = None

    def save(self) -> None:
        """Replace the file as a whole: a kill leaves the old one or the new one."""
        new = self.folder / f"{_FILE}.new"
        values = {name: value for name, value in asdict(self).items() if name != "folder"}
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(values, file, indent=2)
        new.replace(self.folder / _FILE)


def fresh(folder: Path) -> State:
    return State(folder, secrets.token_hex(16), base64.b64encode(secrets.token_bytes(64)).decode())


def load(folder: Path) -> State | None:
    """The saved state, or None where nothing was ever started."""
    try:
        return State(folder, **json.loads((folder / _FILE).read_text()))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise UserError(f"{folder} belongs to another user. Run this command as that user.") from error
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{folder / _FILE} is damaged. `payments services down --delete` removes it with the data it belongs to; "
            "then `payments services up` starts afresh."
        ) from error
