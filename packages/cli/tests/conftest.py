"""The stub app as a fixture."""

from pathlib import Path

import pytest

from payments.host import dispatch

from .stub import Stub


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    monkeypatch.setattr(dispatch, "FIRST_RETRY_SECONDS", 0.01)
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "host.json").write_text('{"version": "2.0", "extensions": {"eventHubs": {"maxEventBatchSize": 20}}}')
    stub = Stub(folder)
    stub.behave("pass")
    return stub
