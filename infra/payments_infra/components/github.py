"""How GitHub's workflows log in: federated credentials, so that no secret is stored anywhere.

A pull request's workflow gets the identity that may look; only a job of the stack's GitHub environment, where people
approve, gets the one that deploys.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import managedidentity

from payments_infra.components.identities import Identities
from payments_infra.place import Place, child

_ISSUER: Final = "https://token.actions.githubusercontent.com"
_AUDIENCE: Final = "api://AzureADTokenExchange"


@dataclass(frozen=True)
class GitHubArgs:
    place: Place
    identities: Identities
    repository: str


class GitHub(pulumi.ComponentResource):
    def __init__(self, name: str, args: GitHubArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:GitHub", name, {}, opts)
        subjects = {
            "preview": f"repo:{args.repository}:pull_request",
            "deploy": f"repo:{args.repository}:environment:{args.place.names.stack}",
        }
        for workload, subject in subjects.items():
            managedidentity.FederatedIdentityCredential(
                f"{name}-{workload}",
                resource_group_name=args.place.resource_group,
                resource_name_=args.identities[workload].name,
                federated_identity_credential_resource_name=f"github-{workload}",
                issuer=_ISSUER,
                subject=subject,
                audiences=[_AUDIENCE],
                opts=child(self),
            )
        self.register_outputs({})
