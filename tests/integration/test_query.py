"""What the metrics know spares the archive: a transaction is found by when its events occurred, and never missed."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from payments_storage.query.explain import Explain
from payments_storage.query.query import ArchiveQuery
from payments_storage.query.wanted import Wanted

from .events import DAY, NOON, bodies, messages, rfc3339
from .proxy import Proxy
from .system import System

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

FILES = 5
ASKED = "txn-00021"
FEES_ONLY = '[[metric]]\nname = "fee_amount"\nfield = "fee_amount"\n'
SETTLED_ONLY = '[[metric]]\nname = "amount"\nfield = "amount"\nwhen = { payment_status = ["settled"] }\n'


def fill(system: System) -> None:
    """Five files of ten events, one after the other; the asked transaction has two in the first, one in the third."""
    for number in range(FILES):
        first = 10 * number
        contents = bodies(range(first, first + 10))
        if number == 0:
            for other in (900, 901):
                occurred = rfc3339(NOON + timedelta(seconds=other - 896))
                contents += bodies([other], transaction_id=ASKED, occurred_at=occurred)
        system.deliver(messages(contents, first=100 * number))


def ask(system: System, wanted: Wanted) -> tuple[list[str], Explain]:
    """Ids of the events found, in their order, and what it took."""
    explain = Explain()
    with ArchiveQuery.open(system.settings) as archive:
        return [event.event_id[-3:] for event in archive.retrieve(wanted, explain)], explain


def test_a_transaction_is_looked_up_where_the_metrics_have_it(system: System) -> None:
    fill(system)
    found, explain = ask(system, Wanted(transaction_id=ASKED))
    assert found == ["384", "385", "015"]
    assert (explain.pruned_by_metrics, explain.files_opened, explain.files_of_days) == (3, 2, 5)


def test_a_range_within_the_day_does_not_keep_the_metrics_from_being_asked(system: System) -> None:
    fill(system)
    found, explain = ask(system, Wanted(NOON + timedelta(seconds=10), NOON + timedelta(seconds=30), ASKED))
    assert found == ["015"]
    assert (explain.pruned_by_metrics, explain.files_opened) == (4, 1)


def test_days_without_the_transaction_are_not_opened(system: System) -> None:
    fill(system)
    system.deliver(messages(bodies(range(50, 60), occurred_at=rfc3339(NOON - DAY)), first=600))
    _, explain = ask(system, Wanted(transaction_id=ASKED))
    assert (explain.files_of_days, explain.files_opened) == (6, 2)


def test_metrics_that_are_no_longer_kept_are_not_asked(system: System) -> None:
    fill(system)
    system.owner_does(f"DROP TABLE dynamic_metrics_{NOON:%Y%m%d}")
    found, explain = ask(system, Wanted(transaction_id=ASKED))
    assert found == ["384", "385", "015"]
    assert (explain.pruned_by_metrics, explain.files_opened) == (0, 5)


def test_while_an_event_waits_for_its_file_the_metrics_are_not_asked(system: System) -> None:
    """The numbers of events and of metrics could agree by accident."""
    fill(system)
    system.owner_does(
        "INSERT INTO failed_items (stage, error_code, message, payload, event_hub, partition_id, sequence_number, "
        "enqueued_at) VALUES ('archive', 'archive_unavailable', '', '', 'payments', '0', 9, now())"
    )
    found, explain = ask(system, Wanted(transaction_id=ASKED))
    assert found == ["384", "385", "015"]
    assert (explain.pruned_by_metrics, explain.waiting) == (0, 0)


@pytest.fixture(params=[FEES_ONLY, SETTLED_ONLY])
def some_unmeasured(
    database: "Database", archive_container: "ArchiveContainer", tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[System]:
    """Metric rules under which no event has an `amount`, or one of many."""
    rules = tmp_path / "metrics.toml"
    rules.write_text(request.param)
    with System(database, archive_container, metrics_file=rules) as system:
        yield system


def test_events_without_the_metric_are_found_all_the_same(some_unmeasured: System) -> None:
    fill(some_unmeasured)
    settled = bodies([950], payment_status="settled")
    some_unmeasured.deliver(messages(settled, first=900))
    found, explain = ask(some_unmeasured, Wanted(transaction_id=ASKED))
    assert found == ["384", "385", "015"]
    assert explain.pruned_by_metrics == 0


def test_the_bytes_that_are_said_to_be_read_are_those_that_azure_sends(system: System) -> None:
    """Counted on the wire; what HTTP adds is a few hundred bytes a request."""
    random = Random(1)  # noqa: S311 - text that does not compress
    for number in range(4):
        noise = [f"{random.getrandbits(8_000):x}" for _ in range(200)]
        events = [bodies([1_000 * number + n], note=text)[0] for n, text in enumerate(noise)]
        system.deliver(messages(events, first=1_000 * number))
    text = system.settings.archive_connection_string
    assert text is not None
    blobs = urlsplit(system.container.url)
    with Proxy(str(blobs.hostname), int(blobs.port or 0)) as proxy:
        aside = text.get_secret_value().replace(blobs.netloc, f"127.0.0.1:{proxy.port}")
        settings = system.settings.model_copy(update={"archive_connection_string": SecretStr(aside)})
        for wanted, files in ((Wanted(transaction_id="txn-02007"), 1), (Wanted(start=NOON), 4)):
            explain, before = Explain(), proxy.answered
            with ArchiveQuery.open(settings) as archive:
                assert list(archive.retrieve(wanted, explain))
            sent = proxy.answered - before
            assert explain.files_opened == files
            assert explain.bytes_read > 50_000
            assert 0.9 * explain.bytes_read < sent < 1.1 * explain.bytes_read + 4_000 * files
