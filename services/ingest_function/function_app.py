"""The Azure Functions app: payment events from the Event Hub, and the timers that look after what they left.

Everything else is in `ingest`; host.json and the retry policy are explained in README.md beside this file.
"""

from typing import List  # noqa: UP035 - the host's worker does not load a function whose annotation is list[...]

import azure.functions as func

from ingest import timers
from ingest.settings import IngestSettings
from ingest.translate import speed_up_decoding
from ingest.wiring import Runtime

speed_up_decoding()
app = func.FunctionApp()
runtime = Runtime(IngestSettings.load())


@app.function_name("ingest")
@app.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%EVENTHUB_NAME%",
    connection="EventHubConnection",
    consumer_group="%EVENTHUB_CONSUMER_GROUP%",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
)
@app.retry(
    strategy="exponential_backoff",
    max_retry_count="-1",
    minimum_interval="00:00:01",
    maximum_interval="00:01:00",
)
def ingest(events: List[func.EventHubEvent]) -> None:  # noqa: UP006 - see the import
    """One batch of one partition. Raising holds the partition: the host delivers the same batch again."""
    runtime.handler(events)


@app.function_name("redrive")
@app.timer_trigger(arg_name="timer", schedule="30 * * * * *", run_on_startup=False)
def redrive(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host passes it by this name
    """Every minute: brings back what waited for PostgreSQL or for Blob Storage."""
    timers.redrive(runtime)


@app.function_name("maintain_partitions")
@app.timer_trigger(arg_name="timer", schedule="0 10 0 * * *", run_on_startup=False)
def maintain(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Daily, soon after midnight UTC: makes the coming days' partitions and drops those past retention."""
    timers.maintain(runtime)


@app.function_name("reconcile")
@app.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False)
def reconcile(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Proves that archive, index, metrics and aggregates agree on an hour, day or five minutes at rest."""
    timers.reconcile(runtime)


@app.function_name("compact")
@app.timer_trigger(arg_name="timer", schedule="0 40 * * * *", run_on_startup=False)
def compact(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Hourly: merges the archive's small files into large ones, and removes originals whose grace period is over."""
    timers.compact(runtime)
