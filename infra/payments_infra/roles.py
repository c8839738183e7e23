"""Azure's built-in roles that are assigned here, by the id that is the same in every tenant.

https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """The value is the role definition's id."""

    ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    BLOB_DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
    BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
    CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
    EVENT_HUBS_DATA_RECEIVER = "a638d3c7-ab3a-418d-83e6-5f17a39d4fde"
    EVENT_HUBS_DATA_SENDER = "2b629674-e913-4c01-ae53-ef4638d8f975"
    MONITORING_METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"
    RBAC_ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
    READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"

    def definition_id(self, subscription: str) -> str:
        return f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{self.value}"


# What the workloads of a stack hold. A pipeline that may assign roles may assign these and no others.
WORKLOAD_ROLES = frozenset(Role) - {Role.CONTRIBUTOR, Role.RBAC_ADMINISTRATOR, Role.READER}


def only_these(roles: Iterable[Role]) -> str:
    """The condition of an assignment of RBAC_ADMINISTRATOR: it may give and take these roles, to identities only.

    https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
    """
    ids = ", ".join(sorted(role.value for role in roles))

    def allowed(action: str, side: str) -> str:
        attribute = f"@{side}[Microsoft.Authorization/roleAssignments:"
        return (
            f"((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{action}'}})) OR "
            f"({attribute}RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{ids}}} AND "
            f"{attribute}PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {{'ServicePrincipal'}}))"
        )

    return f"{allowed('write', 'Request')} AND {allowed('delete', 'Resource')}"
