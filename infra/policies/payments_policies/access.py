"""Role assignments, federated credentials and locks."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from payments_policies.rules import Props, Resource, Rules, at, of_kind

RULES: Final = Rules()
_ASSIGNMENT: Final = "authorization:RoleAssignment"
_OWNER, _USER_ACCESS_ADMINISTRATOR, _RBAC_ADMINISTRATOR = (
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
)
# What may be held on a whole resource group: Contributor and the former (the pipeline), Reader (its previews).
_OF_A_GROUP: Final = {
    _RBAC_ADMINISTRATOR,
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
}
_WITH_DATA: Final = ("storage:StorageAccount", "dbforpostgresql:Server", "eventhub:Namespace")


@RULES.about(_ASSIGNMENT, "learn.microsoft.com/azure/role-based-access-control/troubleshooting")
def identities_are_called_service_principals(props: Props) -> bool:
    """An assignment names the type ServicePrincipal. Without it Azure looks for a user and fails on a new identity."""
    return at(props, "principalType") == "ServicePrincipal"


@RULES.about(
    _ASSIGNMENT,
    "PSRule Azure.RBAC.LimitOwner",
)
def nobody_is_owner(props: Props) -> bool:
    """No identity is Owner or User Access Administrator."""
    return _role(props) not in {_OWNER, _USER_ACCESS_ADMINISTRATOR}


@RULES.about(_ASSIGNMENT, "learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-overview")
def who_gives_roles_gives_named_ones(props: Props) -> bool:
    """Role Based Access Control Administrator is held under a condition that names the roles."""
    return _role(props) != _RBAC_ADMINISTRATOR or "GuidEquals" in at(props, "condition", "")


@RULES.about(_ASSIGNMENT, "learn.microsoft.com/azure/role-based-access-control/best-practices")
def data_roles_are_on_single_resources(props: Props) -> bool:
    """A role that reaches data is assigned on the resource it is for, never on a resource group or subscription."""
    scope = at(props, "scope", "")
    wide = scope.count("/") <= 2 or "ResourceGroup/" in scope or re.search(r"/resourceGroups/[^/]+$", scope)  # noqa: PLR2004
    return not wide or _role(props) in _OF_A_GROUP


@RULES.about("managedidentity:FederatedIdentityCredential", "docs.github.com/actions/concepts/security/openid-connect")
def only_one_workflow_of_ours_may_log_in(props: Props) -> bool:
    """A federated credential is for one repository, and there for pull requests, one environment or the main branch."""
    issuer = at(props, "issuer") == "https://token.actions.githubusercontent.com"
    uses = "pull_request|environment:[a-z0-9]+|ref:refs/heads/main"
    subject = re.fullmatch(rf"repo:[\w-]+/[\w.-]+:({uses})", at(props, "subject", ""))
    return issuer and subject is not None and at(props, "audiences") == ["api://AzureADTokenExchange"]


@RULES.about_the_stack("docs.github.com/actions/security-guides/automatic-token-authentication#pull-requests")
def pull_requests_may_only_look(resources: Sequence[Resource]) -> Iterator[str]:
    """The identity that pull requests use is Reader and nothing else."""
    identities = {
        at(credential.props, "resourceName")
        for credential in of_kind(resources, "managedidentity:FederatedIdentityCredential")
        if at(credential.props, "subject", "").endswith(":pull_request")
    }
    for assignment in of_kind(resources, _ASSIGNMENT):
        principal = at(assignment.props, "principalId", "")
        if any(identity and identity in principal for identity in identities) and not _is_reader(assignment.props):
            yield assignment.name


@RULES.about_the_stack("learn.microsoft.com/azure/azure-resource-manager/management/lock-resources")
def what_is_protected_is_locked(resources: Sequence[Resource]) -> Iterator[str]:
    """What holds data and is protected in Pulumi has a delete lock in Azure, for the portal knows no Pulumi."""
    protected = [r for kind in _WITH_DATA for r in of_kind(resources, kind) if r.opts.protect]
    locks = [
        lock
        for lock in of_kind(resources, "authorization:ManagementLockByScope")
        if at(lock.props, "level") == "CanNotDelete"
    ]
    if len(locks) < len(protected):
        yield from (resource.name for resource in protected)


def _role(props: Props) -> str:
    return str(at(props, "roleDefinitionId", "")).rsplit("/", 1)[-1]


def _is_reader(props: Props) -> bool:
    return _role(props) == "acdd72a7-3385-48ef-bd42-f606fba81ae7"
