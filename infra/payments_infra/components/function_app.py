"""The Function App on Flex Consumption. It has no HTTP trigger: only its deployment endpoint answers from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import web

from payments_infra.app_settings import Values
from payments_infra.place import Place, child

INGEST_FUNCTION: Final = "ingest"


@dataclass(frozen=True)
class FunctionAppArgs:
    place: Place
    subnet_id: pulumi.Input[str]
    identity_id: pulumi.Input[str]
    package_container_url: pulumi.Input[str]
    python_version: str
    instance_memory_mb: int
    always_ready: int
    max_instances: int
    zone_redundant: bool
    settings: Values
    after: Sequence[pulumi.Resource]


class FunctionApp(pulumi.ComponentResource):
    """`after`: what must be there before the first instance starts, so that it does not fail and back off.

    Its logs go to Application Insights; Flex Consumption was documented as having no diagnostic settings.
    """

    def __init__(self, name: str, args: FunctionAppArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:FunctionApp", name, {}, opts)
        place = args.place
        plan = web.AppServicePlan(
            f"{name}-plan",
            resource_group_name=place.resource_group,
            name=place.names.local("asp"),
            kind="functionapp",
            reserved=True,  # Linux
            sku=web.SkuDescriptionArgs(name="FC1", tier="FlexConsumption"),
            zone_redundant=args.zone_redundant,
            tags=place.tags,
            opts=child(self),
        )
        ready = web.FunctionsAlwaysReadyConfigArgs(name=f"function:{INGEST_FUNCTION}", instance_count=args.always_ready)
        self.app = web.WebApp(
            name,
            resource_group_name=place.resource_group,
            name=place.names.function_app,
            kind="functionapp,linux",
            server_farm_id=plan.id,
            https_only=True,
            client_affinity_enabled=False,
            identity=web.ManagedServiceIdentityArgs(
                type=web.ManagedServiceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.identity_id]
            ),
            virtual_network_subnet_id=args.subnet_id,
            public_network_access="Enabled",  # for the deployment endpoint; the rest of the site is closed
            function_app_config=web.FunctionAppConfigArgs(
                deployment=web.FunctionsDeploymentArgs(
                    storage=web.FunctionsDeploymentStorageArgs(
                        type="blobContainer",
                        value=args.package_container_url,
                        authentication=web.FunctionsDeploymentStorageAuthenticationArgs(
                            type=web.AuthenticationType.USER_ASSIGNED_IDENTITY,
                            user_assigned_identity_resource_id=args.identity_id,
                        ),
                    )
                ),
                runtime=web.FunctionsRuntimeArgs(name="python", version=args.python_version),
                scale_and_concurrency=web.FunctionsScaleAndConcurrencyArgs(
                    instance_memory_mb=args.instance_memory_mb,
                    maximum_instance_count=args.max_instances,
                    always_ready=[ready] if args.always_ready else [],
                ),
            ),
            site_config=_site(args.settings),
            tags=place.tags,
            opts=child(self, after=args.after),
        )
        web.WebAppFtpAllowed(
            f"{name}-ftp", resource_group_name=place.resource_group, name=self.app.name, allow=False, opts=child(self)
        )
        web.WebAppScmAllowed(
            f"{name}-scm", resource_group_name=place.resource_group, name=self.app.name, allow=False, opts=child(self)
        )
        self.register_outputs({})


def _site(settings: Values) -> web.SiteConfigArgsDict:
    """A dict, for SiteConfigArgs would add netFrameworkVersion and others that Flex Consumption rejects."""
    return {
        "min_tls_version": "1.2",
        "scm_min_tls_version": "1.2",
        "ip_security_restrictions_default_action": "Deny",
        # The deployment endpoint. It takes tokens of Entra only: publishing passwords are off.
        "scm_ip_security_restrictions_default_action": "Allow",
        "scm_ip_security_restrictions_use_main": False,
        "app_settings": [{"name": key, "value": value} for key, value in sorted(settings.items())],
    }
