"""Commands that run inside the network, on demand: Container Apps jobs of one image, each with its own identity.

`az containerapp job start` runs one, and nothing listens. Between runs only the environment's load balancer costs.
ADR 0012 says why jobs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import app, containerregistry, managedidentity

from payments_infra.app_settings import Values
from payments_infra.components.monitoring import Monitoring
from payments_infra.place import Place, child

_PROFILE: Final = "Consumption"


@dataclass(frozen=True)
class JobSpec:
    """`timeout`: seconds after which a run is ended."""

    command: Sequence[str]
    identity: managedidentity.UserAssignedIdentity
    environment: Values
    timeout: int
    after: Sequence[pulumi.Resource]


@dataclass(frozen=True)
class JobsArgs:
    place: Place
    monitoring: Monitoring
    subnet_id: pulumi.Input[str]
    registry: containerregistry.Registry
    image: str
    jobs: dict[str, JobSpec]


class Jobs(pulumi.ComponentResource):
    """An environment in the network, and a job for each spec."""

    def __init__(self, name: str, args: JobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:Jobs", name, {}, opts)
        place = args.place
        environment = app.ManagedEnvironment(
            f"{name}-environment",
            resource_group_name=place.resource_group,
            environment_name=place.names.local("cae"),
            vnet_configuration=app.VnetConfigurationArgs(infrastructure_subnet_id=args.subnet_id, internal=True),
            workload_profiles=[app.WorkloadProfileArgs(name=_PROFILE, workload_profile_type=_PROFILE)],
            # By diagnostic setting: the other way needs the workspace's key.
            app_logs_configuration=app.AppLogsConfigurationArgs(destination="azure-monitor"),
            public_network_access="Disabled",
            tags=place.tags,
            opts=child(self),
        )
        args.monitoring.send(name, environment.id, parent=self)
        for task, spec in args.jobs.items():
            container = app.ContainerArgs(
                name=task,
                image=args.image,
                command=list(spec.command),
                env=[app.EnvironmentVarArgs(name=key, value=value) for key, value in sorted(spec.environment.items())],
                resources=app.ContainerResourcesArgs(cpu=1, memory="2Gi"),
            )
            app.Job(
                f"{name}-{task}",
                resource_group_name=place.resource_group,
                job_name=place.names.job(task),
                environment_id=environment.id,
                workload_profile_name=_PROFILE,
                identity=app.ManagedServiceIdentityArgs(
                    type="UserAssigned", user_assigned_identities=[spec.identity.id]
                ),
                configuration=app.JobConfigurationArgs(
                    trigger_type="Manual",
                    replica_timeout=spec.timeout,
                    replica_retry_limit=0,  # the workflow, or the engineer, decides
                    manual_trigger_config=app.JobConfigurationManualTriggerConfigArgs(
                        parallelism=1, replica_completion_count=1
                    ),
                    registries=[
                        app.RegistryCredentialsArgs(server=args.registry.login_server, identity=spec.identity.id)
                    ],
                ),
                template=app.JobTemplateArgs(containers=[container]),
                tags=place.tags,
                opts=child(self, after=spec.after),
            )
        self.register_outputs({})
