"""Takes the batches of the partitions that this process owns, each until it is dealt with, and then its checkpoint.

A batch whose handling raises holds its partition: it is tried again, as the Functions retry policy does, until it is
taken or another process has the partition. After `stop`, the batches under way are finished and nothing is begun.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from azure.eventhub import CloseReason, EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext

from payments.eventhub.condition import Condition
from payments.eventhub.translate import to_delivery
from payments.host.worker import describe
from payments_core.event import Delivery
from payments_storage.outcome import Outcome

BATCH_SIZE: Final = 1000
PREFETCH: Final = 4000
"""Both as host.json of the function app has them."""
FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 60.0
"""Both as the function's retry policy has them."""
_BEAT_SECONDS: Final = 1.0
_log: Final = logging.getLogger("payments.consume")


class Consumer:
    """`take` is called in one thread: Python lets one thread parse, and others would only wait."""

    def __init__(
        self, client: EventHubConsumerClient, take: Callable[[Delivery], Outcome], condition: Condition
    ) -> None:
        self._client = client
        self._take = take
        self._condition = condition
        self._thread = ThreadPoolExecutor(1, "take")
        self._stop = asyncio.Event()
        self._under_way: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def stop(self) -> None:
        """For a signal handler of the event loop."""
        self._stop.set()

    async def run(self, batch_size: int = BATCH_SIZE) -> None:
        """Until `stop`, or until the client raises."""
        receiving = asyncio.ensure_future(
            self._client.receive_batch(
                self._on_batch,
                max_batch_size=batch_size,
                prefetch=max(PREFETCH, batch_size),
                starting_position="-1",  # where there is no checkpoint: all that the hub still has
                on_partition_initialize=self._on_owned,
                on_partition_close=self._on_lost,
                on_error=self._on_error,
            )
        )
        try:
            while not (self._stop.is_set() or receiving.done()):
                self._condition.beat()
                await asyncio.wait([receiving], timeout=_BEAT_SECONDS)
            if receiving.done():
                receiving.result()
            await self._idle.wait()
        finally:
            await self._client.close()  # gives the partitions up, so that others need not wait for our silence
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
            self._thread.shutdown()

    async def _on_batch(self, context: PartitionContext, events: list[EventData]) -> None:
        if not events:
            return
        partition = context.partition_id
        self._begin(partition)
        try:
            delivery = to_delivery(context.eventhub_name, partition, events)
            if await self._taken(delivery):
                await self._checkpoint(context, events[-1])
                return
        finally:
            self._end(partition)
        await asyncio.Event().wait()  # stopping: to return would say that the batch is done

    async def _taken(self, delivery: Delivery) -> bool:
        """False when told to stop."""
        wait = FIRST_RETRY_SECONDS
        while not self._stop.is_set():
            try:
                outcome = await asyncio.get_running_loop().run_in_executor(self._thread, self._take, delivery)
            except Exception as error:  # noqa: BLE001 - whatever it is, the events are not stored
                reason = describe(error)
                self._condition.holds(delivery.partition_id, reason)
                _log.error("%s: tried again in %.0f s: %s", _where(delivery), wait, reason)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), wait)
                wait = min(2 * wait, LONGEST_RETRY_SECONDS)
                continue
            self._condition.done(delivery.partition_id, outcome)
            _log.info(
                "%s delivered=%d archived=%d deferred=%d duplicates=%d failed=%d failed_before=%d dead_lettered=%d "
                "parked=%d",
                _where(delivery),
                outcome.delivered,
                outcome.archived,
                outcome.deferred,
                outcome.duplicates,
                outcome.failed,
                outcome.failed_before,
                outcome.dead_lettered,
                outcome.parked,
            )
            return True
        return False

    async def _checkpoint(self, context: PartitionContext, last: EventData) -> None:
        try:
            await context.update_checkpoint(last)
        except Exception as error:  # noqa: BLE001 - the batch is stored; the next checkpoint says so too
            self._condition.count("checkpoints_missed")
            _log.warning("partition=%s: no checkpoint: %s", context.partition_id, describe(error))

    def _begin(self, partition: str) -> None:
        self._under_way.add(partition)
        self._idle.clear()

    def _end(self, partition: str) -> None:
        self._under_way.discard(partition)
        if not self._under_way:
            self._idle.set()

    async def _on_owned(self, context: PartitionContext) -> None:
        self._condition.owns(context.partition_id, still=True)
        _log.info("partition=%s owned", context.partition_id)

    async def _on_lost(self, context: PartitionContext, reason: CloseReason) -> None:
        self._condition.owns(context.partition_id, still=False)
        _log.info("partition=%s given up: %s", context.partition_id, reason.name)

    async def _on_error(self, context: PartitionContext | None, error: Exception) -> None:
        where = f"partition={context.partition_id}" if context else "balancing"
        self._condition.troubled(f"{where}: {type(error).__name__}")
        _log.warning("%s: %s", where, describe(error))


def _where(delivery: Delivery) -> str:
    return f"partition={delivery.partition_id} sequence={delivery.sequence_numbers[0]}..{delivery.sequence_numbers[-1]}"
