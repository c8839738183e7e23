"""The function app as the host finds it: its folder on the import path, its functions listed by the app object."""

import importlib
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from payments.errors import UserError

FUNCTION_NAME: Final = "ingest"
FOLDER: Final = Path(__file__).resolve().parents[5] / "services" / "ingest_function"
_HOSTS_BATCH_SIZE: Final = 100  # maxEventBatchSize where host.json does not say (extension 6)


@dataclass(frozen=True)
class LoadedFunction:
    """`call` takes the events under the name `argument`."""

    call: Callable[..., object]
    argument: str
    consumer_group: str


def load(folder: Path) -> LoadedFunction:
    """Import the app in this process. The folder stays on the import path."""
    sys.path.insert(0, str(folder))
    app = importlib.import_module("function_app").app
    logging.disable(logging.WARNING)  # the library warns that a function without HTTP has no HTTP authorization
    functions = {function.get_function_name(): function for function in app.get_functions()}
    logging.disable(logging.NOTSET)
    if FUNCTION_NAME not in functions:
        raise LookupError(f"no function named {FUNCTION_NAME!r} among {sorted(functions)}")
    function = functions[FUNCTION_NAME]
    trigger = function.get_trigger()
    return LoadedFunction(function.get_user_function(), trigger.name, trigger.consumer_group or "$Default")


def batch_size(folder: Path) -> int:
    """`maxEventBatchSize` of the app's host.json."""
    try:
        settings: dict[str, Any] = json.loads((folder / "host.json").read_text())
        size: object = settings.get("extensions", {}).get("eventHubs", {}).get("maxEventBatchSize", _HOSTS_BATCH_SIZE)
    except FileNotFoundError:
        raise UserError(f"{folder} is no function app: it has no host.json.") from None
    except (ValueError, AttributeError) as error:
        raise UserError(f"{folder / 'host.json'} cannot be read: {error}") from error
    if not isinstance(size, int) or size < 1:
        raise UserError(f"{folder / 'host.json'}: maxEventBatchSize must be a whole number above 0, not {size!r}.")
    return size
