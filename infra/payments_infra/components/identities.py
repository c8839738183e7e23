"""One user-assigned identity for each workload. What each may do is in components/access.py, on one page."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import managedidentity

from payments_infra.place import Place, child

# workload -> what it is for
WORKLOADS: Final = {
    "ingest": "the Function App",
    "bootstrap": "makes the database and its logins; administers PostgreSQL, and runs nothing else",
    "migrate": "owns the database's schema",
    "smoke": "sends a few events and looks for them, after a deployment",
    "operate": "an engineer's commands inside the network: failed items, reconcile, rebuild, archive",
    "deploy": "GitHub's workflow for this environment",
    "preview": "GitHub's workflow for pull requests, which may look and not touch",
}


@dataclass(frozen=True)
class IdentitiesArgs:
    place: Place


class Identities(pulumi.ComponentResource):
    """By workload."""

    def __init__(self, name: str, args: IdentitiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:Identities", name, {}, opts)
        self._by_workload = {
            workload: managedidentity.UserAssignedIdentity(
                f"{name}-{workload}",
                resource_group_name=args.place.resource_group,
                resource_name_=args.place.names.local("id", workload),
                tags=args.place.tags,
                opts=child(self),
            )
            for workload in WORKLOADS
        }
        self.register_outputs({})

    def __getitem__(self, workload: str) -> managedidentity.UserAssignedIdentity:
        return self._by_workload[workload]
