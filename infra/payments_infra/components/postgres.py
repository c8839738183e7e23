"""The PostgreSQL server: Entra logins only, standby and backups as configured, parameters for this workload.

The database in it is made by the bootstrap job, for Azure's own call would make somebody else its owner (ADR 0012).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import dbforpostgresql

from payments_infra.components.monitoring import Monitoring
from payments_infra.components.network import Network
from payments_infra.components.private_endpoint import PrivateEndpoint, PrivateEndpointArgs
from payments_infra.place import Place, child
from payments_infra.server_parameters import Parameter

DATABASE: Final = "payments"
PORT: Final = 5432
PGBOUNCER_PORT: Final = 6432
# Who logs in checks that the server is the one it asked for; Debian's bundle holds the roots that Azure uses.
_TLS: Final = "sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Admin:
    """`kind`: Group or ServicePrincipal."""

    role: str
    name: pulumi.Input[str]
    object_id: pulumi.Input[str]
    kind: str


@dataclass(frozen=True)
class PostgresArgs:
    place: Place
    network: Network
    monitoring: Monitoring
    tenant_id: str
    version: str
    sku: str
    tier: str
    storage_gb: int
    standby: bool
    backup_days: int
    geo_backup: bool
    maintenance_day: int
    maintenance_hour: int
    admins: Sequence[Admin]
    parameters: Sequence[Parameter]
    public_addresses: Sequence[str]
    protect: bool


class Postgres(pulumi.ComponentResource):
    """`ready` is what a client waits for."""

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("payments:infra:Postgres", name, {}, opts)
        self._place = place = args.place
        self.server = dbforpostgresql.Server(
            f"{name}-server",
            resource_group_name=place.resource_group,
            server_name=place.names.postgres_server,
            version=args.version,
            sku=dbforpostgresql.SkuArgs(name=args.sku, tier=args.tier),
            create_mode="Default",
            auth_config=dbforpostgresql.AuthConfigArgs(
                active_directory_auth="Enabled",
                password_auth="Disabled",  # noqa: S106 - there are no passwords
                tenant_id=args.tenant_id,
            ),
            storage=dbforpostgresql.StorageArgs(storage_size_gb=args.storage_gb, auto_grow="Enabled"),
            backup=dbforpostgresql.BackupArgs(
                backup_retention_days=args.backup_days,
                geo_redundant_backup="Enabled" if args.geo_backup else "Disabled",
            ),
            high_availability=dbforpostgresql.HighAvailabilityArgs(
                mode="ZoneRedundant" if args.standby else "Disabled"
            ),
            network=dbforpostgresql.NetworkArgs(
                public_network_access="Enabled" if args.public_addresses else "Disabled"
            ),
            maintenance_window=dbforpostgresql.MaintenanceWindowArgs(
                custom_window="Enabled",
                day_of_week=args.maintenance_day,
                start_hour=args.maintenance_hour,
                start_minute=0,
            ),
            tags=place.tags,
            # After a failover primary and standby have changed zones, and storage may have grown: not ours to undo.
            opts=child(
                self,
                protect=args.protect,
                ignore=["availabilityZone", "highAvailability.standbyAvailabilityZone", "storage.storageSizeGB"],
            ),
        )
        last = self._children(name, args)
        endpoint = PrivateEndpoint(
            f"{name}-endpoint",
            PrivateEndpointArgs(place, args.network, "postgres", self.server.id, "postgresqlServer", [last]),
            child(self),
        )
        args.monitoring.send(name, self.server.id, parent=self, after=[last])
        self.ready: list[pulumi.Resource] = [last, endpoint.ready]
        self.register_outputs({})

    def _children(self, name: str, args: PostgresArgs) -> pulumi.Resource:
        """Administrators, parameters, addresses: one after another, or the server answers ServerIsBusy."""
        last: pulumi.Resource = self.server
        for admin in args.admins:
            last = dbforpostgresql.AdministratorsMicrosoftEntra(
                f"{name}-admin-{admin.role}",
                resource_group_name=self._place.resource_group,
                server_name=self.server.name,
                object_id=admin.object_id,
                principal_name=admin.name,
                principal_type=admin.kind,
                tenant_id=args.tenant_id,
                opts=child(self, after=[last]),
            )
        for parameter in args.parameters:
            last = dbforpostgresql.Configuration(
                f"{name}-{parameter.name}",
                resource_group_name=self._place.resource_group,
                server_name=self.server.name,
                configuration_name=parameter.name,
                value=parameter.value,
                source="user-override",
                opts=child(self, after=[last]),
            )
        for number, address in enumerate(args.public_addresses):
            last = dbforpostgresql.FirewallRule(
                f"{name}-address-{number}",
                resource_group_name=self._place.resource_group,
                server_name=self.server.name,
                firewall_rule_name=f"allowed-{number}",
                start_ip_address=address,
                end_ip_address=address,
                opts=child(self, after=[last]),
            )
        return last

    def dsn(self, login: pulumi.Input[str], *, port: int = PORT, database: str = DATABASE) -> pulumi.Output[str]:
        """A connection string without a password: whoever uses it brings a token."""
        host = self.server.fully_qualified_domain_name
        return pulumi.Output.concat("postgresql://", login, "@", host, f":{port}/{database}?{_TLS}")
