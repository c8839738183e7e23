"""What a file may look like, and what of it reaches the function."""

import json
import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue

import pytest

from payments.errors import UserError
from payments.host import feed, lines
from payments.host.feed import EndOfLines, Feed, Lines
from payments.host.report import Progress
from payments.host.source import opened

from .stub import Stub, event_line, wait_until, write


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


def test_a_named_pipe_is_read_like_standard_input(stub: Stub, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["/bin/sh", "-c", f"echo '{{}}' > '{pipe}'"]):
        report = stub.run(pipe)
    assert report.events == 1
    assert report.sources[0].hub_name.startswith("stdin:")
