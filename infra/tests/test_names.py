"""Names fit Azure's limits, for every stack name that is allowed, and nothing else gets through."""

import re

import pytest

from payments_infra.components.identities import WORKLOADS
from payments_infra.names import Names

from .stacks import STACKS, Stack

LONGEST = Names("a" * 9, "subscription")


def test_the_longest_stack_name_still_fits_everywhere() -> None:
    assert re.fullmatch("[a-z0-9]{3,24}", LONGEST.storage_account("arc"))
    assert re.fullmatch("[a-z0-9]{5,50}", LONGEST.registry)
    assert re.fullmatch("[a-z][a-z0-9-]{5,49}", LONGEST.event_hubs_namespace)
    assert re.fullmatch("[a-z0-9][a-z0-9-]{2,62}", LONGEST.postgres_server)
    assert re.fullmatch("[a-z0-9][a-z0-9-]{1,59}", LONGEST.function_app)
    assert all(re.fullmatch("[a-z][a-z0-9-]{0,31}", LONGEST.job(task)) for task in ("bootstrap", "operate"))


@pytest.mark.parametrize("stack", ["", "Prod", "my-stack", "1st", "a" * 10])
def test_a_stack_whose_name_would_not_fit_is_refused(stack: str) -> None:
    with pytest.raises(ValueError, match="1 to 9 lower-case letters"):
        Names(stack, "subscription")


def test_a_role_that_makes_a_name_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="Azure allows 24"):
        LONGEST.storage_account("archive")


def test_names_that_all_of_azure_shares_differ_between_subscriptions_and_stay_the_same_otherwise() -> None:
    one, same, other = (Names("prod", subscription) for subscription in ("a", "a", "b"))
    assert one.postgres_server == same.postgres_server
    for name in ("postgres_server", "event_hubs_namespace", "function_app", "registry"):
        assert getattr(one, name) != getattr(other, name)
    assert one.storage_account("arc") != other.storage_account("arc")


def test_an_identitys_name_fits_a_postgres_role(stack: Stack) -> None:
    names = [row.inputs["resourceName"] for row in stack.of_kind("managedidentity:UserAssignedIdentity")]
    assert len(names) == len(WORKLOADS)
    assert all(len(name) <= 63 for name in names)


def test_stacks_share_no_name_and_no_address(recorded: dict[str, Stack]) -> None:
    groups = {recorded[name].one("resources:ResourceGroup").inputs["resourceGroupName"] for name in STACKS}
    spaces = {
        recorded[name].one("network:VirtualNetwork").inputs["addressSpace"]["addressPrefixes"][0] for name in STACKS
    }
    assert len(groups) == len(spaces) == len(STACKS)
