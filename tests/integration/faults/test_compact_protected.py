"""What an immutability policy or a legal hold protects is left alone and named. Azurite knows neither: the proxy
answers as Azure does.
"""

import pytest
from tests.integration.compacting import archived, blobs, compact, remove
from tests.integration.events import bodies, messages
from tests.integration.reconciling import named, reconcile
from tests.integration.system import System

from payments_storage.errors import ArchiveUnavailableError, PermanentStorageError

from .fault_proxy import FaultProxy
from .faulty_connection import Answer, Body, Fault, Headers
from .wire import Message

REFUSED = Answer(409, "x-ms-error-code: BlobImmutableDueToPolicy\r\n")


def deliver_four(system: System) -> None:
    for number in range(4):
        system.deliver(messages(bodies([number]), number))


def counting(system: System) -> list[str]:
    return [path for (path,) in system.rows("SELECT path FROM raw_event_files WHERE state = 'active' ORDER BY path")]


def deletes(message: Message) -> bool:
    return message.to_server and message.kind == "DELETE"


def answers_with_a_list(message: Message) -> bool:
    return not message.to_server and b"<EnumerationResults" in message.data


def with_property(text: bytes, places: int = -1) -> Body:
    """Of the blobs in a list, of all or of the first ones."""
    return Body(b"</Properties>", text + b"</Properties>", places)


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
    ("text", "reason"),
    [
        (b"<LegalHold>true</LegalHold>", "under legal hold"),
        (
            b"<ImmutabilityPolicyUntilDate>Fri, 01 Jan 2027 00:00:00 GMT</ImmutabilityPolicyUntilDate>",
            "immutable until 2027-01-01 00:00 UTC",
        ),
    ],
)
def test_a_protected_file_is_not_compacted(system: System, blob_way: FaultProxy, text: bytes, reason: str) -> None:
    deliver_four(system)
    before = archived(system)
    with blob_way.doing(with_property(text), answers_with_a_list, times=None):
        report = compact(system)
    assert report.files_after == 0
    assert set(report.kept) == {reason}
    assert archived(system) == before


def test_one_file_under_legal_hold_does_not_keep_the_others(system: System, blob_way: FaultProxy) -> None:
    deliver_four(system)
    before = archived(system)
    with blob_way.doing(with_property(b"<LegalHold>true</LegalHold>", places=1), answers_with_a_list):
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


def test_a_file_in_the_archive_tier_is_left_alone(system: System) -> None:
    deliver_four(system)
    (archived_one, *_) = counting(system)
    system.container.get_blob_client(archived_one).set_standard_blob_tier("Archive")
    report = compact(system)
    assert report.kept == {"in the archive tier": [archived_one]}
    assert (report.files_before, report.files_after) == (3, 1)
    assert archived_one in counting(system)


def reads_a_file(message: Message) -> bool:
    return message.to_server and message.kind == "GET" and b".parquet" in message.data.partition(b"\r\n")[0]


def test_a_file_that_pyarrow_cannot_get_is_read_by_the_sdk(system: System, blob_way: FaultProxy) -> None:
    deliver_four(system)
    before = archived(system)
    with blob_way.doing(Answer(403), reads_a_file, times=1) as refused:
        report = compact(system)
    assert (len(refused), report.files_before, report.kept) == (1, 4, {})
    assert archived(system) == before


def test_files_that_cannot_be_read_at_all_change_nothing_and_the_reason_is_said(
    system: System, blob_way: FaultProxy
) -> None:
    deliver_four(system)
    before = counting(system)
    with blob_way.doing(Answer(403), reads_a_file, times=None), pytest.raises(PermanentStorageError, match="HTTP 403"):
        compact(system)
    assert counting(system) == before


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
