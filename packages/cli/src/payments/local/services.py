"""The local services of this clone: start, stop, empty, and the settings that point the application at them."""

import os
import shutil
import sys
from dataclasses import dataclass

from payments.errors import Status, UserError
from payments.local import state
from payments.local.azurite import Azurite
from payments.local.database import (
    MIGRATOR,
    OPERATOR,
    WRITER,
    create_database,
    create_logins,
    drop_database,
    has_database,
)
from payments.local.place import Place, clone_place, create, only_one
from payments.local.postgres import PostgresServer

DATABASE = "payments"
CONTAINER = "raw-events"
DEAD_LETTERS = "dead-letter"
_DSNS = ("POSTGRES_DSN", "POSTGRES_OPERATOR_DSN")


@dataclass(frozen=True)
class Services:
    """A PostgreSQL and an Azurite of one place."""

    place: Place
    postgres: PostgresServer
    azurite: Azurite

    def start(self) -> None:
        """Start what does not run; create what is missing: logins, database, containers."""
        self.azurite.start()  # first: it is what an incomplete `make setup` leaves out
        self.postgres.start()
        create_logins(self.postgres)
        if not has_database(self.postgres, DATABASE):
            create_database(self.postgres, DATABASE)
        for container in (CONTAINER, DEAD_LETTERS):
            self.azurite.create_container(container)

    def stop(self) -> list[str]:
        """Stop what runs, and name it."""
        return [name for name, server in (("PostgreSQL", self.postgres), ("Azurite", self.azurite)) if server.stop()]

    def settings(self) -> dict[str, str]:
        """The environment that points the application at these services."""
        return {
            "POSTGRES_DSN": self.postgres.dsn(WRITER, DATABASE),
            "POSTGRES_AUTH": "password",
            "POSTGRES_OPERATOR_DSN": self.postgres.dsn(OPERATOR, DATABASE),
            "POSTGRES_MIGRATOR_DSN": self.postgres.dsn(MIGRATOR, DATABASE),
            "ARCHIVE_CONNECTION_STRING": self.azurite.connection_string,
            "ARCHIVE_CONTAINER": CONTAINER,
            "DEAD_LETTER_CONTAINER": DEAD_LETTERS,
            **_past_the_proxy(),
        }


def _past_the_proxy() -> dict[str, str]:
    """Where a proxy is set, HTTP to this machine must not go there."""
    if not {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"} & set(os.environ):
        return {}
    exempt = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    exempt = f"{exempt},127.0.0.1" if exempt else "127.0.0.1"
    return {"no_proxy": exempt, "NO_PROXY": exempt}


def services_of(place: Place, remembered: state.State) -> Services:
    return Services(place, PostgresServer(place, remembered), Azurite(place, remembered))


def up() -> Services:
    """Start this clone's services; those that run are left as they are."""
    with only_one():
        return _up()


def start_clean() -> Services:
    """Start this clone's services with an empty database and empty containers: what was in them is gone."""
    with only_one():
        services = _up()
        drop_database(services.postgres, DATABASE)
        for container in (CONTAINER, DEAD_LETTERS):
            services.azurite.delete_container(container)
        services.start()
        return services


def down(*, delete: bool) -> list[str]:
    """Stop this clone's services and name those that ran. With `delete`, their data, secrets and logs go too."""
    with only_one():
        place = clone_place()
        # Secrets play no part in stopping, and a damaged state file must not prevent it.
        stopped = services_of(place, state.fresh(place.folder)).stop()
        if delete:
            _delete(place)
        return stopped


def running() -> Services | None:
    """The services of this clone if both run."""
    place = clone_place()
    remembered = state.load(place.folder)
    if remembered is None:
        return None
    services = services_of(place, remembered)
    return services if services.postgres.process() and services.azurite.process() else None


def use_local_services_if_unset() -> None:
    """For commands that need services: where the environment names none, point it at this clone's, and say so."""
    if any(name in _DSNS or name.startswith("ARCHIVE_") for name in os.environ):
        return
    services = running()
    if services is None:
        raise UserError(
            "No database and no archive are configured. Start local ones with `payments services up`, or set "
            "POSTGRES_DSN and ARCHIVE_CONNECTION_STRING (or ARCHIVE_ACCOUNT_URL).",
            Status.WRONG_USAGE,
        )
    os.environ.update(services.settings())
    print("Using the local services of this clone (POSTGRES_DSN and ARCHIVE_* are not set).", file=sys.stderr)


def _up() -> Services:
    place = clone_place()
    create(place)
    remembered = state.load(place.folder)
    if remembered is None:
        remembered = state.fresh(place.folder)
        if (place.folder / "postgres" / "data").exists():
            raise UserError(
                f"There is a database in {place.folder}, but its password is lost (state.json is missing). "
                "`payments services down --delete` removes the data; then `payments services up` starts afresh."
            )
        remembered.save()
    services = services_of(place, remembered)
    services.start()
    return services


def _delete(place: Place) -> None:
    """The clone's .local itself stays: other commands keep files there, and the lock in it is held."""
    create(place)
    if place.account is not None:
        shutil.rmtree(place.folder)
        return
    for folder in ("postgres", "azurite"):
        if (place.folder / folder).exists():
            shutil.rmtree(place.folder / folder)
    for file in ("state.json", "state.json.new", "postgres.log", "azurite.log"):
        (place.folder / file).unlink(missing_ok=True)
