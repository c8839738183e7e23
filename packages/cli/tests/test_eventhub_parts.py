"""The small parts behind `produce --to eventhub` and `consume`: keys, bodies, health, timers, pinned images."""

import json
import re
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from azure.eventhub import EventData
from azure.eventhub.amqp import AmqpMessageBodyType

from payments.eventhub import consume, timers
from payments.eventhub.condition import Condition
from payments.eventhub.health import served
from payments.eventhub.send import key_of
from payments.eventhub.translate import _body
from payments.local import containers
from payments_storage.outcome import Outcome

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"transaction_id": "txn_1", "amount": "1"}\n', "txn_1"),
        (b'{"amount": 1, "data": {"transaction_id":4711}}\n', "4711"),
    ],
)
def test_the_partition_key_is_the_transaction_id(line: bytes, key: str) -> None:
    assert key_of(line) == key


def test_lines_without_a_usable_transaction_id_have_a_key_that_the_service_takes() -> None:
    long = b'{"transaction_id": "' + b"x" * 129 + b'"}'
    keys = [key_of(long), key_of(b"no json"), key_of(b"\xff")]
    assert len({*keys}) == 3
    assert all(0 < len(key.encode()) <= 128 for key in keys)
    assert key_of(long) == key_of(b" " + long)


@pytest.mark.parametrize(
    ("event", "body"),
    [
        (EventData(b"\x00\xff"), b"\x00\xff"),
        (EventData([b"a", b"", b"b"]), b"ab"),
        (EventData("text"), b"text"),
    ],
)
def test_a_body_arrives_byte_for_byte(event: EventData, body: bytes) -> None:
    assert _body(event) == body


@pytest.mark.parametrize(("value", "body"), [("text", b"text"), (b"bytes", b"bytes"), ({"a": 1}, b"{'a': 1}")])
def test_a_body_in_another_section_arrives_too(value: object, body: bytes) -> None:
    event = SimpleNamespace(body_type=AmqpMessageBodyType.VALUE, body=value)
    assert _body(cast("EventData", event)) == body


def ask(port: int, path: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_health_tells_what_is_wrong_until_it_is_right_again() -> None:
    condition = Condition()
    with served(condition, "127.0.0.1", 0) as port:
        assert ask(port, "/live") == (200, {"reasons": []})
        assert ask(port, "/ready") == (503, {"reasons": ["starting"]})
        condition.owns("3", still=True)
        assert ask(port, "/ready") == (200, {"reasons": []})
        condition.holds("3", "both away")
        assert ask(port, "/ready") == (503, {"reasons": ["partition 3 is held: both away"]})
        condition.done("3", Outcome(delivered=5, archived=4, failed=1))
        assert ask(port, "/ready") == (200, {"reasons": []})
        _, metrics = ask(port, "/metrics")
        assert metrics["partitions"] == ["3"]
        assert [metrics[name] for name in ("batches", "delivered", "archived", "failed", "retries")] == [1, 5, 4, 1, 1]
        assert ask(port, "/")[0] == 404


def test_a_process_that_no_longer_turns_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    condition = Condition()
    monkeypatch.setattr("payments.eventhub.condition._SILENCE_SECONDS", -1.0)
    with served(condition, "127.0.0.1", 0) as port:
        assert ask(port, "/live")[0] == 503


def test_a_timer_that_fails_is_called_again_and_leaves_the_others_alone() -> None:
    twice, other = threading.Event(), threading.Event()
    calls = []

    def fail() -> None:
        calls.append(datetime.now(UTC))
        if len(calls) == 2:
            twice.set()
        raise ValueError("payload")

    with timers.running([(0.05, fail), (60.0, other.set)]):
        assert twice.wait(10)
        assert other.wait(10)


def test_a_long_turn_holds_up_no_other_timer() -> None:
    over, others = threading.Event(), threading.Semaphore(0)

    def wait() -> None:
        over.wait(60)

    with timers.running([(0.05, wait), (0.05, others.release)]):
        assert all(others.acquire(timeout=10) for _ in range(3))
        over.set()


def test_turns_are_those_of_the_clock() -> None:
    """Reconcile takes the five minutes that the clock says: between two turns none may be left out."""
    moments: list[float] = []
    enough = threading.Event()

    def note() -> None:
        moments.append(time.time())
        if len(moments) == 4:
            enough.set()

    with timers.running([(0.2, note)]):
        assert enough.wait(30)
    slots = [int(moment / 0.2) for moment in moments]
    assert len(set(slots)) == len(slots)


def test_batches_and_retries_are_those_of_the_function() -> None:
    service = ROOT / "services/ingest_function"
    hubs = json.loads((service / "host.json").read_text())["extensions"]["eventHubs"]
    assert hubs == {"maxEventBatchSize": consume.BATCH_SIZE, "prefetchCount": consume.PREFETCH}
    low, high = re.findall(r'm\w+imum_interval="00:(\d\d:\d\d)"', (service / "function_app.py").read_text())
    assert (low, high) == ("00:01", "01:00")
    assert (consume.FIRST_RETRY_SECONDS, consume.LONGEST_RETRY_SECONDS) == (1.0, 60.0)


def test_compose_and_tests_use_the_same_pinned_images() -> None:
    composed = dict(re.findall(r"image: \$\{(\w+):-(\S+)\}", (ROOT / "compose.yaml").read_text()))
    assert composed == containers.IMAGES
    ports = re.findall(r'"([^"\s]*:\d+)"', (ROOT / "compose.yaml").read_text())
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)
