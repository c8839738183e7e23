"""What a hostile batch costs, as a multiple of a good one: `python -m tests.integration.hostile.cost --help`.

Each batch goes through the function's handler into a database and a container of its own, on servers of its own.
"""

import argparse
import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, Final, cast

from payments.local.azurite import Azurite
from payments.local.database import MIGRATOR, READER, WRITER, create_database, create_logins, drop_database
from payments.local.migrate import migrate
from payments.local.place import temporary_place
from payments.local.postgres import PostgresServer
from payments.local.state import fresh

from ..events import bodies, messages  # noqa: TID252 - test modules have no importable root
from ..system import System, decode  # noqa: TID252
from .kinds import KINDS

_TEMPLATE: Final = "migrated"


@contextmanager
def _systems() -> Iterator[Any]:
    """A function that opens systems, each on a database and a container of its own."""
    with temporary_place() as place, ExitStack() as ends:
        state = fresh(place.folder)
        postgres, azurite = PostgresServer(place, state), Azurite(place, state)
        for server in (postgres, azurite):
            ends.callback(server.stop)
            server.start()
        create_logins(postgres)
        create_database(postgres, _TEMPLATE)
        migrate(postgres.dsn(MIGRATOR, _TEMPLATE))
        numbers = itertools.count()

        @contextmanager
        def open_system() -> Iterator[System]:
            name = f"cost-{next(numbers)}"
            create_database(postgres, name, _TEMPLATE)
            for each in (name, f"{name}-dead"):
                azurite.create_container(each)
            dsns = [postgres.dsn(login, name) for login in (WRITER, MIGRATOR, READER)]
            database = SimpleNamespace(name=name, dsn=dsns[0], migrator_dsn=dsns[1], analyst_dsn=dsns[2])
            container = SimpleNamespace(
                connection_string=azurite.connection_string, name=name, dead_letters=f"{name}-dead"
            )
            with System(cast("Any", database), cast("Any", container)) as system:
                system.deliver(messages(bodies(range(90_000, 90_200)), first=90_000), partition="warm")
                yield system
            drop_database(postgres, name)

        yield open_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000, help="bodies a batch (10000)")
    parser.add_argument("--repeat", type=int, default=2, help="the best of so many runs counts (2)")
    parser.add_argument("kinds", nargs="*", help=f"all, or some of: {', '.join(KINDS)}")
    arguments = parser.parse_args()
    logging.getLogger("payments").setLevel(logging.ERROR)
    with _systems() as open_system:
        good = 0.0
        for kind in ["good", *(arguments.kinds or KINDS)]:
            batch = messages(KINDS[kind](arguments.events))
            seconds: list[float] = []
            again: list[float] = []
            for _ in range(arguments.repeat):
                with open_system() as system:
                    for times in (seconds, again):
                        events = decode(batch)
                        started = time.perf_counter()
                        outcome = system.runtime.handler(events)
                        times.append(time.perf_counter() - started)
                        if times is seconds:
                            first = outcome
            good = good or min(seconds)
            print(  # noqa: T201 - a command
                f"{kind:30} {min(seconds):8.2f} s {min(seconds) / good:6.2f} x   again {min(again) / good:6.2f} x   "
                f"stored {first.archived} deferred {first.deferred} failed {first.failed} "
                f"dead-lettered {first.dead_lettered} files {len(first.files)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
