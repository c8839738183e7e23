"""`payments consume`: the function's work behind an Event Hubs consumer, for machines without the Functions host."""

import asyncio
import logging
import os
import signal
import sys
from contextlib import ExitStack
from functools import partial
from typing import Annotated

import typer

from payments.eventhub import clients, timers
from payments.eventhub.address import Address
from payments.eventhub.condition import Condition
from payments.eventhub.consume import BATCH_SIZE, Consumer
from payments.eventhub.health import served
from payments.local.processes import LOOPBACK
from payments.local.services import use_local_services_if_unset
from payments_storage.pipeline import Pipeline
from payments_storage.timers import HostSettings, compact, maintain, reconcile, redrive

_CHECKPOINTS = "CHECKPOINT_CONTAINER"


def consume(
    *,
    batch_size: Annotated[int, typer.Option(min=1, max=10_000, help="Events a batch at most.")] = BATCH_SIZE,
    with_timers: Annotated[
        bool,
        typer.Option("--timers/--no-timers", help="Also redrive, reconcile, compact, and care for the day partitions."),
    ] = True,
    health_host: Annotated[str, typer.Option(help="Where the health endpoint listens; 0.0.0.0 in a container.")] = (
        LOOPBACK
    ),
    health_port: Annotated[int, typer.Option(min=0, max=65535, help="0 is a free one.")] = 8080,
    balancing: Annotated[
        float, typer.Option(min=1, help="Seconds between two looks for partitions without an owner.")
    ] = clients.LOAD_BALANCING_SECONDS,
    ownership: Annotated[
        float, typer.Option(min=3, help="Seconds of silence after which others take a process's partitions.")
    ] = clients.OWNERSHIP_SECONDS,
) -> None:
    """Consume an event hub until SIGTERM or Ctrl-C: every batch stored, then its checkpoint.

    Several of these share the partitions among them. The hub is EVENTHUB_NAME, at EVENTHUB_CONNECTION_STRING or
    EVENTHUB_NAMESPACE; checkpoints are in CHECKPOINT_CONTAINER of the archive's account.

    Example: payments consume
    """
    address = Address.load()
    use_local_services_if_unset()
    settings = HostSettings.load()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("azure", "uamqp"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    condition = Condition()
    container = os.environ.get(_CHECKPOINTS) or "checkpoints"
    with ExitStack() as stack:
        port = stack.enter_context(served(condition, health_host, health_port))
        pipeline = stack.enter_context(Pipeline(settings))
        if with_timers:
            # With connections of their own: all four at once would leave none for the events.
            aside = stack.enter_context(Pipeline(settings))
            turns = [(timers.REDRIVE_EVERY, partial(redrive, aside))]
            turns.append((timers.RECONCILE_EVERY, partial(reconcile, aside, settings)))
            turns.append((timers.COMPACT_EVERY, partial(compact, aside, settings)))
            turns.append((timers.MAINTAIN_EVERY, partial(maintain, aside, settings)))
            stack.enter_context(timers.running(turns))
        logging.getLogger("payments.consume").info("health on http://%s:%d", health_host, port)

        async def run() -> None:
            client = clients.open_consumer(address, settings, container, balancing, ownership)
            consumer = Consumer(client, pipeline.intake.take, condition)
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, consumer.stop)
            await consumer.run(batch_size)

        asyncio.run(run())
