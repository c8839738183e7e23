"""The app as the Functions host indexes it."""

import importlib
import inspect
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import azure.functions as func
import pytest
from azure.functions import meta
from azure.functions.decorators.function_app import Function
from azure.functions.eventhub import EventHubTriggerConverter
from azure.functions.timer import TimerRequestConverter

FILE = Path(__file__).parents[1] / "function_app.py"


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Function]]:
    """Name -> function, from a fresh import with settings that lead nowhere: importing must not connect."""
    monkeypatch.setenv("POSTGRES_DSN", "postgresql://ingest@db.invalid/payments")
    monkeypatch.setenv("ARCHIVE_ACCOUNT_URL", "https://account.invalid")
    monkeypatch.delenv("ARCHIVE_CONNECTION_STRING", raising=False)
    # The import speeds up the library; what was there before comes back afterwards.
    monkeypatch.setattr(meta._BaseConverter, "_parse_datetime", vars(meta._BaseConverter)["_parse_datetime"])
    monkeypatch.delitem(sys.modules, "function_app", raising=False)
    app = importlib.import_module("function_app").app
    logging.disable(logging.WARNING)  # the library warns that a function without HTTP has no HTTP authorization
    yield {function.get_function_name(): function for function in app.get_functions()}
    logging.disable(logging.NOTSET)
    del sys.modules["function_app"]


def binding(function: Function) -> dict[str, Any]:
    """The one binding, as the worker sends it to the host."""
    (text,) = function.get_raw_bindings()
    parsed: dict[str, Any] = json.loads(text)
    return parsed


TIMERS = {
    "maintain_partitions": "0 10 0 * * *",
    "redrive": "30 * * * * *",
    "reconcile": "0 */5 * * * *",
    "compact": "0 40 * * * *",
}


def test_there_are_the_trigger_of_the_hub_and_the_timers_and_no_more(functions: dict[str, Function]) -> None:
    assert set(functions) == {"ingest", *TIMERS}


def test_events_come_as_batches_of_bytes_by_an_own_consumer_group(functions: dict[str, Function]) -> None:
    assert binding(functions["ingest"]) == {
        "type": "eventHubTrigger",
        "direction": "IN",
        "name": "events",
        "eventHubName": "%EVENTHUB_NAME%",
        "connection": "EventHubConnection",
        "consumerGroup": "%EVENTHUB_CONSUMER_GROUP%",
        "cardinality": "MANY",
        "dataType": "BINARY",
    }


def test_a_batch_that_fails_is_retried_without_end_ever_more_slowly(functions: dict[str, Function]) -> None:
    assert functions["ingest"].get_settings_dict("retry_policy") == {
        "setting_name": "retry_policy",
        "strategy": "exponential_backoff",
        "max_retry_count": "-1",
        "minimum_interval": "00:00:01",
        "maximum_interval": "00:01:00",
    }


@pytest.mark.parametrize(("name", "schedule"), TIMERS.items())
def test_a_timer_has_its_schedule_and_does_not_run_at_every_start(
    functions: dict[str, Function], name: str, schedule: str
) -> None:
    """The daily one soon after midnight UTC, the others apart from the full hour's crowd."""
    assert binding(functions[name]) == {
        "type": "timerTrigger",
        "direction": "IN",
        "name": "timer",
        "schedule": schedule,
        "runOnStartup": False,
    }


@pytest.mark.parametrize(
    ("name", "argument", "understands"),
    [
        ("ingest", "events", EventHubTriggerConverter.check_input_type_annotation),
        *((name, "timer", TimerRequestConverter.check_input_type_annotation) for name in TIMERS),
    ],
)
def test_the_worker_understands_the_annotation_of_what_it_passes(
    functions: dict[str, Function], name: str, argument: str, understands: Callable[[Any], bool]
) -> None:
    """It asks the library, and refuses to load a function whose annotation the library does not know."""
    assert not EventHubTriggerConverter.check_input_type_annotation(list[func.EventHubEvent]), (
        "list[...] is understood now: function_app.py can do without typing.List"
    )
    hints = get_type_hints(functions[name].get_user_function())
    assert understands(hints[argument])


def test_the_functions_are_plain_ones_so_that_they_run_in_the_thread_pool(functions: dict[str, Function]) -> None:
    for function in functions.values():
        assert not inspect.iscoroutinefunction(function.get_user_function()), "it would block the event loop"


def test_the_file_fits_on_a_page() -> None:
    assert len(FILE.read_text().splitlines()) <= 75
