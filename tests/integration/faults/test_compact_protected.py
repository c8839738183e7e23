"""What an immutability policy or a legal hold protects is left alone and named. Azurite knows neither: the proxy
answers as Azure does.
"""

import pytest
from tests.integration.compacting import archived, blobs, compact, remove
from tests.integration.events import bodies, messages
from tests.integration.reconciling import named, reconcile
from tests.integration.system import System

from payments_storage.errors import ArchiveUnavailableError

from .fault_proxy import FaultProxy
from .faulty_connection import Answer, Fault, Headers
from .wire import Message

REFUSED = Answer(409, "x-ms-error-code: BlobImmutableDueToPolicy\r\n")


def deliver_four(system: System) -> None:
    for number in range(4):
        system.deliver(messages(bodies([number]), number))


def counting(system: System) -> list[str]:
    return [path for (path,) in system.rows("SELECT path FROM raw_event_files WHERE state = 'active' ORDER BY path")]


def deletes(message: Message) -> bool:
    return message.to_server and message.kind == "DELETE"


def answers_with_a_file(message: Message) -> bool:
    return not message.to_server and b"application/vnd.apache.parquet" in message.data


def test_originals_that_the_service_does_not_let_go_stay_and_are_named(system: System, blob_way: FaultProxy) -> None:
    deliver_four(system)
    originals = blobs(system)
    compact(system)
    with blob_way.doing(REFUSED, deletes, times=1):
        report = remove(system)
    ((reason, (protected,)),) = report.kept.items()
    assert reason == "not removed: under legal hold or immutable"
    assert (report.removed, blobs(system) & originals) == (3, {protected})
    assert named(reconcile(system)) == []
    assert system.rows("SELECT path FROM raw_event_files WHERE state = 'replaced'") == [(protected,)]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("x-ms-legal-hold: true\r\n", "under legal hold"),
        (
            "x-ms-immutability-policy-until-date: Fri, 01 Jan 2027 00:00:00 GMT\r\n",
            "immutable until Fri, 01 Jan 2027 00:00:00 GMT",
        ),
    ],
)
def test_a_protected_file_is_not_compacted(system: System, blob_way: FaultProxy, header: str, reason: str) -> None:
    deliver_four(system)
    before = archived(system)
    with blob_way.doing(Headers(header), answers_with_a_file, times=None):
        report = compact(system)
    assert report.files_after == 0
    assert set(report.kept) == {reason}
    assert archived(system) == before


def test_one_file_under_legal_hold_does_not_keep_the_others(system: System, blob_way: FaultProxy) -> None:
    deliver_four(system)
    before = archived(system)
    with blob_way.doing(Headers("x-ms-legal-hold: true\r\n"), answers_with_a_file, times=1):
        report = compact(system)
    ((reason, (held,)),) = report.kept.items()
    assert (reason, report.files_before) == ("under legal hold", 3)
    assert held in counting(system)
    assert archived(system) == before


def test_a_container_under_legal_hold_is_left_alone(system: System, blob_way: FaultProxy) -> None:
    deliver_four(system)
    with blob_way.doing(Headers("x-ms-has-legal-hold: true\r\n"), lambda message: not message.to_server, times=1):
        report = compact(system)
    assert (report.files_after, len(report.notes)) == (0, 1)
    assert "legal hold" in report.notes[0]


def test_a_file_in_the_archive_tier_is_left_alone(system: System, blob_way: FaultProxy) -> None:
    deliver_four(system)
    (archived_one, *_) = counting(system)
    answer = Answer(409, "x-ms-error-code: BlobArchived\r\n")
    wanted = archived_one.rpartition("/")[2].encode()
    with blob_way.doing(answer, lambda message: message.kind == "GET" and wanted in message.data):
        report = compact(system)
    assert report.kept == {"in the archive tier": [archived_one]}
    assert (report.files_before, report.files_after) == (3, 1)
    assert archived_one in counting(system)


@pytest.mark.parametrize("number", [1, 2])
def test_a_connection_that_breaks_while_a_file_is_written_changes_nothing(
    system: System, blob_way: FaultProxy, number: int
) -> None:
    deliver_four(system)
    before = counting(system)
    writes = iter(range(1, 100))

    def nth_write(message: Message) -> bool:
        return message.to_server and message.kind == "PUT" and next(writes) >= number

    with blob_way.doing(Fault.CUT, nth_write, times=None), pytest.raises(ArchiveUnavailableError):
        compact(system)
    assert counting(system) == before
    compact(system)
    assert len(counting(system)) == 1
