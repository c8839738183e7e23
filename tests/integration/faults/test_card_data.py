"""A card number that an event brings is nowhere afterwards: in no table, no file, no dead letter and no log."""

import json
import logging
from io import BytesIO
from typing import Final

import pyarrow.parquet as pq
import pytest
from tests.integration.events import Message, body, messages
from tests.integration.system import System

from .conftest import OpenSystem
from .fault_proxy import FaultProxy
from .faulty_connection import Fault

NUMBER: Final = "4111111111111111"
WRITINGS: Final = (NUMBER, "4111 1111 1111 1111", NUMBER.encode().hex())
"""As it is sent, in groups, and as PostgreSQL shows bytes."""


def card_data(first: int) -> list[Message]:
    """Eight events, each with a card number; half of them are good."""
    envelope = {"specversion": "1.0", "id": f"pay {first} {NUMBER}", "source": "/shop", "subject": NUMBER, "type": "t"}
    good = [
        body(first, note=NUMBER),
        body(first + 1, merchant_id="4111 1111 1111 1111", payment_method=f"card {NUMBER}", fee_amount=int(NUMBER)),
        body(first + 2, **{NUMBER: {"pan": int(NUMBER)}}),
        json.dumps({**envelope, "data": json.loads(body(first + 3, event_id=None))}).encode(),
    ]
    bad = [
        body(first + 4, currency=NUMBER),
        body(first + 5, amount="x", note=NUMBER),
        f'{{"pan": "{NUMBER}", cut off'.encode(),
        f'{{"pan": "{NUMBER}"}}'.encode().ljust(512, b"\0"),
    ]
    return messages(good + bad, first=first)


def everything(system: System) -> str:
    """Every table, and every file of both containers, as text."""
    found = [str(system.dump())]
    for container in (system.container, system.runtime.pipeline.dead_letters._container):
        blobs = {name: container.download_blob(name).readall() for name in container.list_blob_names()}
        found += [name + str(pq.read_table(BytesIO(data)).to_pylist()) for name, data in blobs.items()]
    return "\n".join(found)


def test_card_data_is_masked_wherever_an_event_could_leave_it(
    open_system: OpenSystem, postgres_way: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    system = open_system(retry_budget_seconds=1)
    outcome = system.deliver(card_data(0))
    assert (outcome.archived, outcome.failed, outcome.redacted) == (4, 4, 8)
    with pytest.MonkeyPatch.context() as patch, postgres_way.doing(Fault.CUT, lambda _: True, times=None):
        patch.setattr(system.runtime.pipeline.intake, "_budget_seconds", 0.0)
        assert system.deliver(card_data(10)).dead_lettered == 8
    waiting = everything(system)
    assert len(list(system.runtime.pipeline.dead_letters.pending())) == 1
    assert system.runtime.pipeline.redrive.run(30).letters == 1
    assert len(system.state().archive) == 8
    for text in (waiting, everything(system), caplog.text):
        for writing in WRITINGS:
            assert writing not in text
    assert "411111******1111" in waiting
