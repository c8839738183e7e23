"""The consumer, driven as the SDK drives it: a checkpoint only after the batch is stored."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext

from payments.eventhub import consume
from payments.eventhub.condition import Condition
from payments.eventhub.consume import Consumer
from payments_core.event import Delivery
from payments_storage.outcome import Outcome


class Event(EventData):
    """An event as it comes from a hub."""

    sequence_number = 7
    enqueued_time = datetime(2026, 1, 1, tzinfo=UTC)


class Context:
    """A partition that notes what happens to it."""

    partition_id = "3"
    eventhub_name = "payments"

    def __init__(self, story: list[str]) -> None:
        self._story = story
        self.refuses = False

    async def update_checkpoint(self, event: EventData) -> None:
        assert event.sequence_number == 7
        self._story.append("checkpoint")
        if self.refuses:
            raise OSError("away")


class Client:
    """Delivers one batch after another, as long as the handler returns."""

    def __init__(self, context: Context, batches: int, finished: Callable[[], None]) -> None:
        self._context, self._batches, self._finished = context, batches, finished

    async def receive_batch(self, on_batch: Any, **_: Any) -> None:
        for _batch in range(self._batches):
            await on_batch(cast("PartitionContext", self._context), [Event(b"{}")])
        self._finished()
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consume, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(consume, "_BEAT_SECONDS", 0.02)


def run(take: Callable[[Delivery], Outcome], story: list[str], batches: int = 1, **context: Any) -> Condition:
    """Until `batches` were taken, or `take` has stopped the consumer."""
    condition = Condition()

    async def main() -> None:
        partition = Context(story)
        vars(partition).update(context)
        client = Client(partition, batches, lambda: consumer.stop())  # noqa: PLW0108 - made below
        consumer = Consumer(cast("EventHubConsumerClient", client), take, condition)
        story.append("start")
        running = asyncio.get_running_loop()
        stops.append(lambda: running.call_soon_threadsafe(consumer.stop))
        await asyncio.wait_for(consumer.run(), 20)

    asyncio.run(main())
    return condition


stops: list[Callable[[], Any]] = []


def test_a_batch_that_is_not_stored_is_tried_again_and_has_no_checkpoint_before_it_is() -> None:
    story: list[str] = []

    def take(delivery: Delivery) -> Outcome:
        story.append("take")
        assert (delivery.partition_id, delivery.sequence_numbers, delivery.bodies) == ("3", [7], [b"{}"])
        if story.count("take") < 3:
            raise ValueError("payload")
        return Outcome(delivered=1, archived=1)

    condition = run(take, story)
    assert story == ["start", "take", "take", "take", "checkpoint"]
    assert (condition.metrics()["retries"], condition.metrics()["archived"]) == (2, 1)
    assert "payload" not in str(condition.not_ready())


def test_a_batch_that_is_never_stored_has_no_checkpoint_when_the_process_is_stopped() -> None:
    story: list[str] = []

    def take(_: Delivery) -> Outcome:
        story.append("take")
        if story.count("take") == 2:
            stops[-1]()
        raise ValueError("payload")

    condition = run(take, story)
    assert "checkpoint" not in story
    held, _ = condition.not_ready()
    assert held.startswith("partition 3 is held: ValueError (")


def test_stopping_finishes_the_batch_in_hand() -> None:
    story: list[str] = []

    def take(_: Delivery) -> Outcome:
        stops[-1]()
        time.sleep(0.4)  # long enough to be noticed: the batch must not be cut off
        story.append("take")
        return Outcome(delivered=1)

    run(take, story, batches=5)
    assert story == ["start", "take", "checkpoint"]


def test_a_checkpoint_that_cannot_be_saved_holds_nothing_up() -> None:
    story: list[str] = []
    condition = run(lambda _: Outcome(delivered=1), story, batches=2, refuses=True)
    assert story == ["start", "checkpoint", "checkpoint"]
    assert condition.metrics()["checkpoints_missed"] == 2
