"""`payments smoke`: proves, with marked events through the real hub, that what is deployed stores what it is sent."""

import json
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from payments.errors import Status, UserError
from payments.eventhub.address import Address
from payments.eventhub.send import sending
from payments.local.services import use_local_services_if_unset
from payments.meter import Meter
from payments_storage.connect import open_connection, open_container
from payments_storage.errors import StorageError
from payments_storage.settings import StorageSettings
from payments_storage.smoke import CURRENCY, SmokeEvents, SmokeLook, Total, database_time

_LOOK_SECONDS: Final = 2.0


@dataclass
class Proof:
    """What a smoke test has found. `trouble` is why the last look failed, if it did."""

    events: SmokeEvents
    places: dict[str, Total]
    refused: dict[str, int]
    trouble: str | None = None
    seconds: float = 0.0

    @property
    def missing(self) -> dict[str, Total]:
        """The places that do not hold exactly what was sent."""
        return {name: found for name, found in self.places.items() if not found.is_all_of(self.events.total)}

    @property
    def complete(self) -> bool:
        return bool(self.places) and not (self.missing or self.refused or self.trouble)

    @property
    def hopeless(self) -> bool:
        """More time will not mend it: an event was refused, or counted twice."""
        return bool(self.refused) or any(found.events > self.events.count for found in self.places.values())


def smoke(
    *,
    events: Annotated[int, typer.Option(min=1, max=10_000, help="How many events to send.")] = 100,
    deadline: Annotated[float, typer.Option(min=1, help="Seconds until they must be everywhere.")] = 300,
    as_json: Annotated[bool, typer.Option("--json", help="Report on standard output as JSON.")] = False,
) -> None:
    """Send marked events through the event hub, and wait until every table and the archive hold them, exactly.

    Exit status 1 says that something is missing, refused or counted twice, and where. The events are of currency XTS
    and of event type smoke.<run>; docs/deploy.md says how reports leave them out. Reads as payments_reader may.

    Example: payments smoke --events 100 --deadline 300
    """
    address = Address.load()
    use_local_services_if_unset()
    settings = StorageSettings.load()
    marked = SmokeEvents(secrets.token_hex(4), events, datetime.now(UTC))

    def send(lines: list[bytes]) -> None:
        with sending(address) as sender:
            sender.send(lines)
            sender.finish()

    proof = prove(marked, settings, send, deadline)
    if as_json:
        print(json.dumps(_as_json(proof), indent=2))
    else:
        _print(proof)
    if not proof.complete:
        raise typer.Exit(Status.FOUND_WRONG)


def prove(
    events: SmokeEvents, settings: StorageSettings, send: Callable[[list[bytes]], None], deadline: float
) -> Proof:
    """Sends, then looks until all is there, or cannot come any more, or `deadline` seconds have passed."""
    try:
        with closing(open_connection(settings)) as connection:
            look = SmokeLook(events, since=database_time(connection))
    except StorageError as error:
        raise UserError(f"Nothing was sent, for what arrives could not be seen: {error}") from error
    send(events.lines())
    started = time.monotonic()
    proof = Proof(events, {}, {})
    with Meter("smoke") as meter:
        while True:
            _look(look, settings, proof)
            proof.seconds = time.monotonic() - started
            if proof.complete or proof.hopeless or proof.seconds + _LOOK_SECONDS > deadline:
                return proof
            least = min((found.events for found in proof.places.values()), default=0)
            meter.show(least, least, events.count, "waits until the events are everywhere")
            time.sleep(_LOOK_SECONDS)


def _look(look: SmokeLook, settings: StorageSettings, proof: Proof) -> None:
    """A store that is away for a moment is no proof of anything."""
    try:
        with closing(open_connection(settings)) as connection, open_container(settings) as container:
            connection.read_only = True
            proof.refused = look.refused(connection)
            proof.places = look.places(connection, container)
            proof.trouble = None
    except StorageError as error:
        proof.trouble = str(error)


def _as_json(proof: Proof) -> dict[str, Any]:
    def total(of: Total) -> dict[str, Any]:
        return {"events": of.events, "amount": None if of.amount is None else str(of.amount)}

    return {
        "run": proof.events.run,
        "complete": proof.complete,
        "seconds": round(proof.seconds, 1),
        "sent": total(proof.events.total),
        "places": {name: total(found) for name, found in proof.places.items()},
        "missing": list(proof.missing),
        "refused": proof.refused,
        "trouble": proof.trouble,
    }


def _print(proof: Proof) -> None:
    sent = proof.events.total
    print(f"Run {proof.events.run}: {sent.events:,} events over {sent.amount} {CURRENCY} sent.")
    for name, found in proof.places.items():
        money = "" if found.amount is None else f", {found.amount} {CURRENCY}"
        verdict = "WRONG: " if name in proof.missing else ""
        print(f"  {name}: {verdict}{found.events:,} events{money}")
    for code, count in proof.refused.items():
        print(f"  failed_items: {count:,} refused with {code} (docs/error-codes.md)")
    if proof.trouble is not None:
        print(f"  The last look failed: {proof.trouble}")
    if proof.complete:
        print(f"Everything is where it belongs, to the last digit, {proof.seconds:,.1f} s after it was sent.")
    else:
        print(f"Not so after {proof.seconds:,.1f} s. docs/deploy.md says where to look.")
