"""The recorded stacks: what the Pulumi program registers as dev, staging and prod, without an engine or a cloud."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from .recording import record
from .stacks import STACKS, Stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All in one test process, so that the stacks are recorded once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("infra"))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Stack]:
    return record(tmp_path_factory.mktemp("recorded"), *STACKS)


@pytest.fixture(params=STACKS)
def stack(recorded: Mapping[str, Stack], request: pytest.FixtureRequest) -> Stack:
    """Each stack in turn."""
    return recorded[request.param]


@pytest.fixture
def dev(recorded: Mapping[str, Stack]) -> Stack:
    return recorded["dev"]


@pytest.fixture
def prod(recorded: Mapping[str, Stack]) -> Stack:
    return recorded["prod"]


@pytest.fixture(scope="session")
def opened_dev(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The dev stack of somebody who let a laptop in and wants versions that nobody can delete."""
    settings = {"publicAccess": "true", "allowedIpAddresses": '["8.8.8.8"]', "archiveImmutabilityDays": "30"}
    return record(tmp_path_factory.mktemp("opened"), "dev", settings=settings)["dev"]
