"""Files go to the function as the Functions host would send them: in order, one batch a partition, until taken."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import azure.functions as func
import psycopg
import pytest
from azure.functions.eventhub import EventHubTriggerConverter
from conftest import Database
from typer.testing import CliRunner

from payments import meter
from payments.commands import ingest
from payments.errors import UserError
from payments.host import dispatch, feed, lines
from payments.host.delivery import Batch, decode
from payments.host.feed import EndOfLines, Feed, Lines
from payments.host.known import enqueue_time_of, failures_of
from payments.host.partitions import partition_of
from payments.host.report import HostReport, Progress, Tally
from payments.host.run import run_host
from payments.host.source import opened
from payments.host.worker import THREADS_SETTING, describe
from payments.main import app
from payments_storage.errors import TransientStorageError

# Notes every invocation in a file; `attempt` counts those of one batch from 1.
STUB = """
import json, os, time
from pathlib import Path
import azure.functions as func

LOG = Path(__file__).with_name("invocations")
app = func.FunctionApp()

@app.function_name("ingest")
@app.event_hub_message_trigger(
    arg_name="batch", event_hub_name="%EVENTHUB_NAME%", connection="EventHubConnection",
    consumer_group="payments", cardinality=func.Cardinality.MANY, data_type=func.DataType.BINARY,
)
def ingest(batch: list[func.EventHubEvent]) -> None:
    context = batch[0].metadata["PartitionContext"]
    sequence = [event.sequence_number for event in batch]
    note = {"partition": context["PartitionId"], "hub": context["EventHubName"], "sequence": sequence}
    earlier = LOG.read_text().splitlines() if LOG.exists() else []
    attempt = 1 + sum(json.loads(line)["key"] == [note["partition"], sequence[0]] for line in earlier)
    note |= {"key": [note["partition"], sequence[0]], "pid": os.getpid(), "started": time.monotonic()}
    note |= {"bodies": [event.get_body().hex() for event in batch], "enqueued": batch[0].enqueued_time.isoformat()}
    try:
        BEHAVIOUR
        note["taken"] = True
    finally:
        note["ended"] = time.monotonic()
        with LOG.open("ab", buffering=0) as log:
            log.write(json.dumps(note).encode() + b"\\n")
"""
RUN = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from payments.host.run import run_host
report = run_host([sys.argv[2]], function_folder=Path(sys.argv[1]), workers=1, partitions=2, batch_size=2)
print(json.dumps(asdict(report)))
"""


@dataclass
class Stub:
    """A function app of the test, and what it saw."""

    folder: Path
    warnings: list[str] = field(default_factory=list)

    def behave(self, code: str) -> None:
        (self.folder / "function_app.py").write_text(STUB.replace("BEHAVIOUR", code))

    def run(self, *files: Path, **options: Any) -> HostReport:
        return run_host(files, function_folder=self.folder, warn=self.warnings.append, **options)

    def notes(self) -> list[dict[str, Any]]:
        log = self.folder / "invocations"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def taken(self) -> dict[str, list[dict[str, Any]]]:
        """The invocations that returned, by partition."""
        by_partition: dict[str, list[dict[str, Any]]] = {}
        for note in self.notes():
            if note.get("taken"):
                by_partition.setdefault(note["partition"], []).append(note)
        return by_partition

    def bodies(self) -> list[bytes]:
        """All bodies taken, partition by partition."""
        notes = [note for partition in self.taken().values() for note in partition]
        return [bytes.fromhex(body) for note in notes for body in note["bodies"]]

    def start(self, argument: str, **options: Any) -> "subprocess.Popen[str]":
        """The host in a process of its own."""
        command = [sys.executable, "-c", RUN, str(self.folder), argument]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    monkeypatch.setattr(dispatch, "FIRST_RETRY_SECONDS", 0.01)
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "host.json").write_text('{"version": "2.0", "extensions": {"eventHubs": {"maxEventBatchSize": 20}}}')
    stub = Stub(folder)
    stub.behave("pass")
    return stub


def event_line(number: int, transactions: int = 40) -> bytes:
    return json.dumps({"n": number, "transaction_id": f"txn_{number % transactions}"}).encode()


def write(path: Path, bodies: list[bytes]) -> Path:
    path.write_bytes(b"\n".join(bodies) + b"\n")
    return path


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in 20 s"
        time.sleep(0.02)


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
    stub.behave("time.sleep(0.02)")
    stub.run(write(tmp_path / "events", [event_line(number) for number in range(400)]), partitions=3, workers=2)
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


def test_line_ends_blank_lines_and_a_byte_order_mark_are_no_part_of_events(stub: Stub, tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n \t\n{"b":\r2} \n\n{"c": 3}')
    report = stub.run(file, partitions=1)
    assert stub.bodies() == [b'{"a": 1}', b'{"b":\r2} ', b'{"c": 3}']
    assert report.events == 3


def test_what_is_no_event_goes_to_the_function_as_it_is(stub: Stub, tmp_path: Path) -> None:
    written = [b"\xff\x00\xfe", b"{}", b'{"transaction_id": "cut', b"[1]", b'"text"', b"x" * 3_000_000]
    stub.run(write(tmp_path / "events", written), partitions=1)
    assert stub.bodies() == written


def test_an_empty_file_is_no_error(stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "events").touch()
    report = stub.run(tmp_path / "events")
    assert (report.events, report.batches, report.events_per_second) == (0, 0, 0.0)


def test_a_files_hub_is_named_for_its_content_and_its_events_arrive_at_one_time(stub: Stub, tmp_path: Path) -> None:
    first, second = write(tmp_path / "first", [b"{}"] * 50), write(tmp_path / "second", [b"0"])
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    stub.run(first, second, partitions=2)
    times = {note["hub"]: {n["enqueued"] for n in stub.notes() if n["hub"] == note["hub"]} for note in stub.notes()}
    hubs = [f"file:{sha256(file.read_bytes()).hexdigest()[:16]}/2" for file in (first, second)]
    assert list(times) == hubs
    (one,), (other,) = times.values()
    assert before <= datetime.fromisoformat(one).replace(tzinfo=UTC) < datetime.fromisoformat(other).replace(tzinfo=UTC)
    assert datetime.fromisoformat(one).microsecond % 1000 == 0


def test_the_events_of_a_known_hub_arrive_when_they_arrived_before(stub: Stub, tmp_path: Path) -> None:
    asked = []

    def known(hub_name: str) -> datetime:
        asked.append(hub_name)
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    stub.run(write(tmp_path / "events", [b"{}"]), enqueue_time_of=known)
    (note,) = stub.notes()
    assert note["enqueued"] == "2026-01-02T03:04:05"
    assert asked == [note["hub"]]


def test_progress_ends_at_the_size_of_the_file(stub: Stub, tmp_path: Path) -> None:
    seen: list[Progress] = []
    file = write(tmp_path / "events", [event_line(number) for number in range(100)])
    stub.run(file, progress=seen.append)
    assert seen[-1] == Progress("events", 100, file.stat().st_size, file.stat().st_size)


def test_standard_input_is_taken_as_it_comes(stub: Stub) -> None:
    """A batch does not wait until it is full, nor for the end."""
    with stub.start("-", stdin=subprocess.PIPE) as host:
        assert host.stdin is not None
        host.stdin.write('{"n": 1}\n')
        host.stdin.flush()
        wait_until(stub.notes)
        host.stdin.write('{"n": 2}')
        output, _ = host.communicate(timeout=20)
    report = json.loads(output)
    assert sorted(stub.bodies()) == [b'{"n": 1}', b'{"n": 2}']
    assert report["events"] == 2
    assert report["sources"][0]["hub_name"].startswith("stdin:")


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"a": 1},\n{"a": 2}]\n', r"jq -c '\.\[\]' .*events \| payments ingest -"),
        (b'  [{"a": 1}]', "one JSON array"),
        (b"\xef\xbb\xbf[\n", "one JSON array"),
        (b'{\n  "a": 1\n}\n', r"jq -c \. .*events \| payments ingest -"),
        (b'{"a": 1,\n "b": {\n}}\n{"a": 2,\n "b": 3}', "spread over lines"),
        ('{"a": 1}\n'.encode("utf-16"), "iconv -f UTF-16"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
    ],
)
def test_a_file_that_is_no_ndjson_is_refused_with_the_command_that_converts_it(
    stub: Stub, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "events").write_bytes(content)
    with pytest.raises(UserError, match=message):
        stub.run(tmp_path / "events")


@pytest.mark.parametrize("first", [b"[1, 2]", b'{"a": "cut', b'{"a": 1,', b"{}", b"nonsense"])
def test_a_bad_first_line_does_not_make_a_file_something_else(tmp_path: Path, first: bytes) -> None:
    file = write(tmp_path / "events", [first, b'{"b": 1}'])
    with opened(str(file), 1) as source:
        assert [line for block in lines.blocks(source) for line in block] == [first, b'{"b": 1}']


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 2 << 20)
    file = write(tmp_path / "events", [b"{}", b"x" * (4 << 20)])
    report = stub.run(file, partitions=1)
    assert report.stopped is not None
    assert report.stopped.startswith("events has a line of more than 2 MiB.")


def test_reading_stands_still_while_too_much_is_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large a file is, no more of it is in memory than the budget and what one read brought."""
    monkeypatch.setattr(feed, "BUDGET_BYTES", 2 << 20)
    line = b"x" * 1023
    file = write(tmp_path / "events", [line] * 8 * 1024)
    inbox: SimpleQueue[object] = SimpleQueue()
    message: object = None
    taken = 0
    with opened(str(file), 4) as source:
        reader = Feed(source, 4, inbox)
        while taken < len(line) * 8 * 1024:
            time.sleep(0.1)
            waiting = 0
            while not inbox.empty():
                message = inbox.get()
                if isinstance(message, Lines):
                    waiting += sum(len(line) for part in message.by_partition.values() for line in part)
            assert 0 < waiting <= 2 << 20
            reader.release(waiting)
            taken += waiting
        reader.close()
    assert message == EndOfLines(None)


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


def test_a_named_pipe_is_read_like_standard_input(stub: Stub, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["/bin/sh", "-c", f"echo '{{}}' > '{pipe}'"]):
        report = stub.run(pipe)
    assert report.events == 1
    assert report.sources[0].hub_name.startswith("stdin:")


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are right, for a database that nobody asks."""
    monkeypatch.setenv("POSTGRES_DSN", "postgresql://ingest@127.0.0.1:1/payments")
    monkeypatch.setenv("ARCHIVE_ACCOUNT_URL", "https://example.blob.core.windows.net")
    monkeypatch.setattr(ingest, "enqueue_time_of", lambda _: None)
    monkeypatch.setattr(ingest, "failures_of", lambda _: {"not_json": 2, "text_empty": 1})


def payments(stub: Stub, *arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["ingest", "--function-folder", str(stub.folder), *arguments])
    assert result.exit_code == status, result.output
    return result.stderr if status else result.stdout


@pytest.mark.usefixtures("configured")
def test_the_command_reports_in_words_and_in_json(stub: Stub, tmp_path: Path) -> None:
    file = write(tmp_path / "events", [event_line(number) for number in range(50)])
    report = json.loads(payments(stub, str(file), "--partitions", "2", "--json"))
    assert (report["events"], report["retries"], report["stopped"]) == (50, 0, None)
    assert report["failed_items"] == {"not_json": 2, "text_empty": 1}
    assert set(report["latency_ms"]) == {"p50", "p95", "p99"}
    first, second = payments(stub, str(file), "--partitions", "1", "--workers", "1").splitlines()
    assert first.startswith("50 events in 3 batches, 0 retries,")
    assert second == "3 of them are in failed_items: 2 not_json, 1 text_empty."


@pytest.mark.usefixtures("configured")
def test_the_command_fails_when_it_gave_up(stub: Stub, tmp_path: Path) -> None:
    stub.behave("if sequence[0] == 20: raise ValueError")
    file = write(tmp_path / "events", [event_line(number) for number in range(50)])
    message = payments(stub, str(file), "--partitions", "1", "--max-retries", "0", status=1)
    assert "Gave up after 0 retries" in message
    assert "events: events taken by partition: 0: 20." in message


@pytest.mark.usefixtures("configured")
def test_an_interrupted_command_has_the_status_of_ctrl_c(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Tally(stopped=dispatch.INTERRUPTED).report()
    monkeypatch.setattr(ingest, "run_host", lambda *_, **__: stopped)
    assert "interrupted" in payments(stub, "events", status=130)


@pytest.mark.usefixtures("configured")
def test_standard_input_can_be_named_once(stub: Stub) -> None:
    assert "once" in payments(stub, "-", "-", status=2)


@pytest.mark.usefixtures("configured")
def test_settings_that_cannot_be_used_are_told_before_a_worker_starts(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARCHIVE_ACCOUNT_URL")
    assert "ARCHIVE_ACCOUNT_URL" in payments(stub, "events", status=2)


def test_the_time_of_a_known_hub_is_that_of_its_failed_items(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_DSN", database.dsn)
    monkeypatch.setenv("POSTGRES_AUTH", "password")
    monkeypatch.setenv("ARCHIVE_ACCOUNT_URL", "https://example.blob.core.windows.net")
    arrived = datetime(2026, 11, 23, 20, 31, 55, 123_000, tzinfo=UTC)
    with psycopg.connect(database.migrator_dsn) as connection:
        connection.execute(
            "INSERT INTO failed_items (stage, error_code, message, payload, event_hub, partition_id, sequence_number, "
            "enqueued_at) VALUES ('decode', 'not_json', 'no JSON', 'x', 'file:1/8', '0', 0, %s)",
            [arrived],
        )
    assert enqueue_time_of("file:1/8") == arrived
    assert enqueue_time_of("file:2/8") is None
    assert failures_of(["file:1/8", "file:2/8"]) == {"not_json": 1}
    assert failures_of(["file:2/8"]) == {}


@pytest.mark.usefixtures("configured")
def test_a_database_out_of_reach_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_DSN", "postgresql://ingest:none@127.0.0.1:1/payments")
    monkeypatch.setenv("POSTGRES_AUTH", "password")
    with pytest.raises(UserError, match="services up"):
        enqueue_time_of("file:1/8")


def test_without_a_terminal_progress_is_a_line_every_few_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "_LINE_SECONDS", 0.3)
    with meter.Meter("ingest") as shown:
        shown.show(10, 1, 4)
        time.sleep(0.35)
        shown.show(1_000, 1, 4)
        shown.show(2_000, 2, 4)
        shown.say("a word")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("ingest: 1,000 events, ")
    assert first.endswith(" events/s, 25 %")
    assert second == "a word"
