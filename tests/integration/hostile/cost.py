"""What a hostile batch costs, as a multiple of a good one: `python -m tests.integration.hostile.cost --help`.

Each batch goes through the function's handler into a database and a container of its own, on servers of its own. CPU
is that of this process and of PostgreSQL's for it (Linux), which neighbours on the machine disturb less than the clock.
"""

import argparse
import itertools
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple, cast

from payments.local.azurite import Azurite
from payments.local.database import MIGRATOR, READER, WRITER, create_database, create_logins, drop_database
from payments.local.migrate import migrate
from payments.local.place import temporary_place
from payments.local.postgres import PostgresServer
from payments.local.state import fresh
from payments_storage.outcome import Outcome

from ..events import Message, bodies, messages  # noqa: TID252 - test modules have no importable root
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


def _cpu(system: System) -> float:
    """Seconds of CPU used so far by this process and by its connections' server processes."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ticks = 0
    for (pid,) in system.rows(query):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # user and system time, proc(5)
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Seconds."""

    clock: float
    cpu: float


def _deliver(system: System, batch: list[Message]) -> tuple[Cost, Outcome]:
    events = decode(batch)
    cpu, clock = _cpu(system), time.perf_counter()
    outcome = system.runtime.handler(events)
    return Cost(time.perf_counter() - clock, _cpu(system) - cpu), outcome


def _redrive(system: System) -> Cost:
    """What was parked is stored; archive files that were deferred are not due yet."""
    cpu, clock = _cpu(system), time.perf_counter()
    system.runtime.pipeline.redrive.run(600)
    return Cost(time.perf_counter() - clock, _cpu(system) - cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000, help="bodies a batch (10000)")
    parser.add_argument("--repeat", type=int, default=2, help="the best of so many runs counts (2)")
    parser.add_argument("kinds", nargs="*", help=f"all, or some of: {', '.join(KINDS)}")
    arguments = parser.parse_args()
    logging.getLogger("payments").setLevel(logging.ERROR)
    with _systems() as open_system:
        good = None
        for kind in ["good", *(arguments.kinds or KINDS)]:
            batch = messages(KINDS[kind](arguments.events))
            costs: list[Cost] = []
            again: list[Cost] = []
            redriven: list[Cost] = []
            for _ in range(arguments.repeat):
                with open_system() as system:
                    cost, outcome = _deliver(system, batch)
                    costs.append(cost)
                    again.append(_deliver(system, batch)[0])
                    redriven.append(_redrive(system))
            best, second, later = (Cost(*map(min, zip(*each, strict=True))) for each in (costs, again, redriven))
            good = best if good is None or kind == "good" else good  # the first run of all is a cold one
            print(  # noqa: T201 - a command
                f"{kind:30} {best.clock:7.2f} s {best.clock / good.clock:6.2f} x   CPU {best.cpu:6.2f} s "
                f"{best.cpu / good.cpu:6.2f} x   again {second.cpu / good.cpu:5.2f} x   "
                f"redrive {later.cpu / good.cpu:5.2f} x   stored {outcome.archived} deferred {outcome.deferred} "
                f"failed {outcome.failed} parked {outcome.parked} files {len(outcome.files)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
