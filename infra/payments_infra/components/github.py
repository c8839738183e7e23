"""How GitHub's workflows log in: federated credentials, so that no secret is stored anywhere.

The workflows of pull requests, and main's own that looks for drift, get the identity that may look; only a job of the
stack's GitHub environment, where people approve, gets the one that deploys.
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
            "preview": ("preview", "pull_request"),
            "drift": ("preview", "ref:refs/heads/main"),
            "deploy": ("deploy", f"environment:{args.place.names.stack}"),
        }
        before: list[pulumi.Resource] = []
        for use, (workload, subject) in subjects.items():
            credential = managedidentity.FederatedIdentityCredential(
                f"{name}-{use}",
                resource_group_name=args.place.resource_group,
                resource_name_=args.identities[workload].name,
                federated_identity_credential_resource_name=f"github-{use}",
                issuer=_ISSUER,
                subject=f"repo:{args.repository}:{subject}",
                audiences=[_AUDIENCE],
                opts=child(self, after=before),  # Azure refuses two at a time for one identity
            )
            before = [credential]
        self.register_outputs({})
