"""A function app that notes how it is called, and what host tests do with it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from payments.host.report import HostReport
from payments.host.run import run_host

# Notes every invocation in a file; `attempt` counts those of one batch from 1.
STUB = """
import json, os, time
from pathlib import Path
import azure.functions as func

LOG = Path(__file__).with_name("invocations")
LOG.with_name(f"child-{os.getppid()}-{os.getpid()}").touch()
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
# Goes on when both of two workers are there.
MEET = """while len(list(LOG.parent.glob(f"child-{os.getppid()}-*"))) < 2 and time.monotonic() < note["started"] + 30:
            time.sleep(0.01)"""
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
