"""Who may do what, on one page: every role assignment of the stack, at the narrowest scope that its work allows.

PostgreSQL has no roles of Azure's for its data: there the bootstrap job makes logins (ADR 0012).
"""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import authorization

from payments_infra.components.identities import Identities
from payments_infra.place import child
from payments_infra.roles import WORKLOAD_ROLES, Role, only_these

# workload, role, where
GRANTS: Final = (
    ("ingest", Role.EVENT_HUBS_DATA_RECEIVER, "hub"),
    ("ingest", Role.BLOB_DATA_CONTRIBUTOR, "events"),
    ("ingest", Role.BLOB_DATA_CONTRIBUTOR, "dead-letters"),
    ("ingest", Role.BLOB_DATA_OWNER, "host-storage"),  # what the Functions host asks for: leases, checkpoints, packages
    ("ingest", Role.MONITORING_METRICS_PUBLISHER, "insights"),
    ("bootstrap", Role.ACR_PULL, "registry"),
    ("migrate", Role.ACR_PULL, "registry"),
    ("smoke", Role.ACR_PULL, "registry"),
    ("smoke", Role.EVENT_HUBS_DATA_SENDER, "hub"),
    ("smoke", Role.BLOB_DATA_READER, "events"),
    ("operate", Role.ACR_PULL, "registry"),
    ("operate", Role.BLOB_DATA_CONTRIBUTOR, "events"),
    ("operate", Role.BLOB_DATA_CONTRIBUTOR, "dead-letters"),
    ("preview", Role.READER, "resource-group"),
    ("deploy", Role.CONTRIBUTOR, "resource-group"),
    ("deploy", Role.RBAC_ADMINISTRATOR, "resource-group"),  # under a condition, see below
)


@dataclass(frozen=True)
class AccessArgs:
    """`scopes` by the third column of GRANTS."""

    subscription: str
    identities: Identities
    scopes: dict[str, pulumi.Input[str]]


class Access(pulumi.ComponentResource):
    """`of` gives a workload's assignments: what it runs as may only start when they are there."""

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:Access", name, {}, opts)
        self._of: dict[str, list[pulumi.Resource]] = {}
        for workload, role, where in GRANTS:
            conditional = role is Role.RBAC_ADMINISTRATOR
            assignment = authorization.RoleAssignment(
                f"{name}-{workload}-{role.name.lower().replace('_', '-')}-{where}",
                scope=args.scopes[where],
                principal_id=args.identities[workload].principal_id,
                principal_type="ServicePrincipal",
                role_definition_id=role.definition_id(args.subscription),
                # Contributor and Owner stay out of a pipeline's reach.
                condition=only_these(WORKLOAD_ROLES) if conditional else None,
                condition_version="2.0" if conditional else None,
                opts=child(self),
            )
            self._of.setdefault(workload, []).append(assignment)
        self.register_outputs({})

    def of(self, workload: str) -> list[pulumi.Resource]:
        return self._of[workload]
