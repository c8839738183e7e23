"""Files go to the function as the Functions host would send them: in order, one batch a partition, until taken."""

import json
import signal
import subprocess
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.functions.eventhub import EventHubTriggerConverter

from payments.errors import UserError
from payments.host import dispatch
from payments.host.delivery import Batch, decode
from payments.host.partitions import partition_of
from payments.host.report import Tally
from payments.host.worker import THREADS_SETTING, describe
from payments_storage.errors import TransientStorageError

from .stub import MEET, Stub, event_line, wait_until, write


def test_every_line_is_taken_once_and_each_partition_in_order(stub: Stub, tmp_path: Path) -> None:
    written = [event_line(number) for number in range(600)]
    report = stub.run(write(tmp_path / "events", written), partitions=4)
    assert (report.events, report.retries, report.stopped) == (600, 0, None)
    assert sorted(stub.bodies()) == sorted(written)
    for number, notes in stub.taken().items():
        sequence = [sequence for note in notes for sequence in note["sequence"]]
        bodies = [bytes.fromhex(body) for note in notes for body in note["bodies"]]
        assert sequence == list(range(len(sequence)))
        assert bodies == [line for line in written if partition_of(line, 4) == int(number)]
        assert report.sources[0].partitions[int(number)] == len(sequence)


def test_batches_are_as_large_as_host_json_allows_and_no_larger(stub: Stub, tmp_path: Path) -> None:
    report = stub.run(write(tmp_path / "events", [event_line(number) for number in range(105)]), partitions=1)
    assert [len(note["bodies"]) for note in stub.notes()] == [20, 20, 20, 20, 20, 5]
    assert report.batches == 6


def test_batch_size_can_be_chosen(stub: Stub, tmp_path: Path) -> None:
    file = write(tmp_path / "events", [event_line(number) for number in range(10)])
    stub.run(file, partitions=1, batch_size=4)
    assert [len(note["bodies"]) for note in stub.notes()] == [4, 4, 2]


def test_a_batch_of_large_events_is_cut_by_its_bytes(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_BATCH_BYTES", 1000)
    stub.run(write(tmp_path / "events", [b"x" * 600] * 5), partitions=1)
    assert [len(note["bodies"]) for note in stub.notes()] == [2, 2, 1]


def test_partitions_run_side_by_side_but_each_has_one_batch_under_way(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All workers get batches of all partitions: a function must not keep a partition's state in memory."""
    monkeypatch.setenv(THREADS_SETTING, "4")
    stub.behave(f"{MEET}\n        time.sleep(0.02)")
    stub.run(write(tmp_path / "events", [event_line(number) for number in range(1000)]), partitions=3, workers=2)
    notes = stub.taken()
    for partition in notes.values():
        assert all(before["ended"] <= after["started"] for before, after in pairwise(partition))
        assert len({note["pid"] for note in partition}) == 2
    first, second, _ = ([(note["started"], note["ended"]) for note in partition] for partition in notes.values())
    assert any(a[0] < b[1] and b[0] < a[1] for a in first for b in second)


def test_the_function_gets_what_the_librarys_own_converter_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, types and JSON as a Python function on Azure logs them: times without an offset, offsets as text."""
    calls: list[object] = []
    convert = EventHubTriggerConverter.decode

    def noticed(*given: Any, **named: Any) -> Any:
        calls.append(given)
        return convert(*given, **named)

    monkeypatch.setattr(EventHubTriggerConverter, "decode", noticed)
    enqueued = datetime(2026, 11, 23, 20, 31, 55, 120_000, tzinfo=UTC)
    events = decode(Batch("hub", 3, 7, 100, enqueued, [b"ab", b"\xff"]), "payments")
    assert len(calls) == 1
    assert all(isinstance(event, func.EventHubEvent) for event in events)
    assert [event.get_body() for event in events] == [b"ab", b"\xff"]
    assert [event.sequence_number for event in events] == [7, 8]
    assert [event.enqueued_time for event in events] == [enqueued.replace(tzinfo=None)] * 2
    metadata = events[0].metadata
    assert metadata is not None
    assert metadata["PartitionContext"] == {
        "FullyQualifiedNamespace": "local.servicebus.windows.net",
        "EventHubName": "hub",
        "ConsumerGroup": "payments",
        "PartitionId": "3",
    }
    assert metadata["SystemPropertiesArray"][1] == {
        "x-opt-sequence-number-epoch": -1,
        "x-opt-sequence-number": 8,
        "x-opt-offset": "102",
        "x-opt-enqueued-time": "2026-11-23T20:31:55.12+00:00",
        "SequenceNumber": 8,
        "Offset": "102",
        "PartitionKey": None,
        "EnqueuedTimeUtc": "2026-11-23T20:31:55.12",
    }
    assert metadata["SequenceNumberArray"] == [7, 8]
    assert metadata["EnqueuedTimeUtcArray"] == ["2026-11-23T20:31:55.12"] * 2
    assert metadata["OffsetArray"] == ["100", "102"]
    assert metadata["PartitionKeyArray"] == []
    assert metadata["PropertiesArray"] == [{}, {}]


def test_a_batch_whose_call_raised_comes_again_before_what_follows_it(stub: Stub, tmp_path: Path) -> None:
    stub.behave("if attempt < 3 and sequence[0] == 20: raise ValueError('4711 secret')")
    report = stub.run(write(tmp_path / "events", [event_line(number) for number in range(60)]), partitions=1)
    assert (report.events, report.batches, report.retries, report.stopped) == (60, 3, 2, None)
    assert [note["sequence"][0] for note in stub.notes()] == [0, 20, 20, 20, 40]
    assert ["sequence numbers 20 to 39: the function raised ValueError" in warning for warning in stub.warnings] == [
        True,
        True,
    ]
    assert [warning.rpartition("Retry ")[2] for warning in stub.warnings] == ["1 in 0.01 s.", "2 in 0.02 s."]
    assert "4711" not in "".join(stub.warnings)


def test_with_an_end_to_retries_the_run_stops_and_says_how_far_it_came(stub: Stub, tmp_path: Path) -> None:
    stub.behave("if sequence[0] == 20: raise ValueError")
    first = write(tmp_path / "first", [event_line(number) for number in range(60)])
    report = stub.run(first, write(tmp_path / "second", [b"{}"]), partitions=1, max_retries=2)
    assert report.stopped is not None
    assert "partition 0, sequence numbers 20 to 39: the function raised ValueError" in report.stopped
    assert "Gave up after 2 retries" in report.stopped
    assert [(source.source, source.partitions, source.complete) for source in report.sources] == [
        ("first", [20], False)
    ]


def test_a_worker_that_dies_is_replaced_and_its_batch_comes_again(stub: Stub, tmp_path: Path) -> None:
    stub.behave(
        "died = Path(__file__).with_name('died')\n"
        "        if sequence[0] == 20 and not died.exists():\n"
        "            died.touch()\n"
        "            os._exit(9)"
    )
    written = [event_line(number) for number in range(60)]
    report = stub.run(write(tmp_path / "events", written), partitions=1, workers=1)
    assert (report.events, report.retries) == (60, 1)
    assert stub.bodies() == written
    assert len({note["pid"] for note in stub.notes()}) == 2
    assert "the worker process ended" in stub.warnings[0]


def test_a_function_that_exits_is_answered_for_like_one_that_raises(stub: Stub, tmp_path: Path) -> None:
    stub.behave("if attempt == 1: raise SystemExit")
    assert stub.run(write(tmp_path / "events", [b"{}"])).retries == 1


def test_the_description_of_an_exception_holds_only_the_houses_own_texts() -> None:
    with pytest.raises(TransientStorageError) as raised:
        raise TransientStorageError("PostgreSQL 53300: too many connections") from ValueError("a payload")
    assert describe(raised.value).startswith(
        "payments_storage.errors.TransientStorageError: PostgreSQL 53300: too many connections, "
        "caused by ValueError (test_host.py, line "
    )


@pytest.mark.parametrize("waiting_for", ["the function", "standard input"])
def test_ctrl_c_lets_running_batches_end_and_says_how_far_it_came(stub: Stub, tmp_path: Path, waiting_for: str) -> None:
    stub.behave("time.sleep(0.3)")
    file = write(tmp_path / "events", [event_line(number) for number in range(200)])
    with stub.start(str(file) if waiting_for == "the function" else "-", stdin=subprocess.PIPE) as host:
        assert host.stdin is not None
        host.stdin.write('{"n": 1}\n')
        host.stdin.flush()
        wait_until(stub.notes)
        host.send_signal(signal.SIGINT)
        assert host.stdout is not None
        report = json.loads(host.stdout.read())
        assert host.wait(timeout=20) == 0
    assert report["stopped"] == "interrupted"
    assert not report["sources"][0]["complete"]
    done = {number: sum(len(note["bodies"]) for note in notes) for number, notes in stub.taken().items()}
    assert report["sources"][0]["partitions"] == [done.get("0", 0), done.get("1", 0)]
    assert report["events"] == sum(done.values()) < 200


def test_workers_end_when_their_host_is_killed(stub: Stub, tmp_path: Path) -> None:
    stub.behave("time.sleep(0.05)")
    with stub.start(str(write(tmp_path / "events", [event_line(number) for number in range(400)]))) as host:
        wait_until(stub.notes)
        host.kill()
    worker = stub.notes()[0]["pid"]

    def ended() -> bool:
        try:
            return Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    wait_until(ended)


def test_the_lines_of_a_transaction_share_a_partition() -> None:
    same = [
        b'{"transaction_id":"txn_1","amount":1}',
        b'{ "amount" : 2, "transaction_id" : "txn_1" }',
        b'{"specversion":"1.0","data":{"transaction_id":"txn_1"}}',
        b'{"transaction_id":"txn_1","cut',
    ]
    assert len({partition_of(line, 1000) for line in same}) == 1
    assert partition_of(b'{"transaction_id": 17}', 1000) == partition_of(b'{"a":1,"transaction_id":17,', 1000)


def test_lines_spread_over_all_partitions_always_in_the_same_way() -> None:
    spread = [partition_of(event_line(number, 10_000), 8) for number in range(800)]
    assert all(60 < spread.count(partition) < 140 for partition in range(8))
    assert {partition_of(b"no json %d" % number, 8) for number in range(200)} == set(range(8))
    assert [partition_of(b"no json", 8), partition_of(event_line(1), 8)] == [4, 1]


def test_latency_percentiles_are_nearest_ranks_in_milliseconds() -> None:
    tally = Tally(events=100, seconds=2)
    tally.latencies.extend(number / 1000 for number in range(100, 0, -1))
    report = tally.report()
    assert report.latency_ms == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert report.events_per_second == 50.0


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("import azure.functions as f; app = f.FunctionApp()", "no function named 'ingest'"),
        ("import os; os._exit(1)", "ends its process"),
    ],
)
def test_an_app_that_cannot_be_loaded_is_told_at_once(stub: Stub, tmp_path: Path, code: str, message: str) -> None:
    (stub.folder / "function_app.py").write_text(code)
    with pytest.raises(UserError, match=message):
        stub.run(write(tmp_path / "events", [b"{}"]))


@pytest.mark.parametrize(
    ("host_json", "message"),
    [
        (None, "no function app"),
        ("{", "cannot be read"),
        ('{"extensions": {"eventHubs": {"maxEventBatchSize": 0}}}', "above 0"),
    ],
)
def test_a_host_json_that_says_nothing_useful_is_named(
    stub: Stub, tmp_path: Path, host_json: str | None, message: str
) -> None:
    (stub.folder / "host.json").unlink()
    if host_json is not None:
        (stub.folder / "host.json").write_text(host_json)
    with pytest.raises(UserError, match=message):
        stub.run(write(tmp_path / "events", [b"{}"]))


def test_a_missing_file_is_named_before_anything_is_ingested(stub: Stub, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no file .*missing"):
        stub.run(write(tmp_path / "events", [b"{}"]), tmp_path / "missing")
    assert stub.notes() == []
