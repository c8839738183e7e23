"""Delete locks on what holds data: not even an owner deletes it without taking the lock away first.

The deploy identity cannot do that: locks are changed by a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization

from payments_infra.place import Place, child


@dataclass(frozen=True)
class LocksArgs:
    """Resources by what they hold."""

    place: Place
    on: Mapping[str, pulumi.CustomResource]


class Locks(pulumi.ComponentResource):
    def __init__(self, name: str, args: LocksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:Locks", name, {}, opts)
        for what, resource in args.on.items():
            authorization.ManagementLockByScope(
                f"{name}-{what}",
                lock_name=args.place.names.local("lock", what),
                level="CanNotDelete",
                notes="Holds payment data. docs/deploy.md says how to take an environment down.",
                scope=resource.id,
                opts=child(self, after=[resource]),
            )
        self.register_outputs({})
