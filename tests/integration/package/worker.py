"""Stands in for the Functions worker: what it finds in the unpacked package, and a batch through it. Run by
`python -I -S worker.py PACKAGE CLONE`, so that nothing is on the import path but the standard library, the package and
the tests' own helpers. Prints JSON.
"""

import json
import logging
import sys
from pathlib import Path

PACKAGE, CLONE = map(Path, sys.argv[1:])
sys.path += map(str, (PACKAGE, PACKAGE / ".python_packages/lib/site-packages", CLONE))
logging.disable(logging.WARNING)

from tests.integration.events import NOT_JSON, bodies, messages  # noqa: E402
from tests.integration.system import decode  # noqa: E402

import function_app  # noqa: E402 - the path had to be set first

functions = {function.get_function_name(): function for function in function_app.app.get_functions()}
batch = messages([*bodies(range(50)), (b"{", NOT_JSON)])
functions["ingest"].get_user_function()(events=decode(batch))
function_app.runtime.close()
origins = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
json.dump({"functions": sorted(functions), "origins": sorted({origin for origin in origins if origin})}, sys.stdout)
