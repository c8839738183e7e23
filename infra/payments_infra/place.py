"""Where the resources of a stack go, and small helpers that every component needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from payments_infra.names import Names


@dataclass(frozen=True)
class Place:
    """The resource group that a component fills, the names to use there, and the tags of everything in it."""

    names: Names
    resource_group: pulumi.Input[str]
    tags: Mapping[str, str]


def child(
    parent: pulumi.Resource,
    *,
    after: Sequence[pulumi.Resource] = (),
    protect: bool = False,
    retain: bool = False,
    ignore: Sequence[str] = (),
) -> pulumi.ResourceOptions:
    """Options of a component's part. `retain` leaves it in Azure when the stack is destroyed."""
    return pulumi.ResourceOptions(
        parent=parent,
        depends_on=list(after),
        protect=protect or None,
        retain_on_delete=retain or None,
        ignore_changes=list(ignore),
    )
