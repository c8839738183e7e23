"""PostgreSQL Flexible Server."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from payments_policies.rules import Props, Resource, Rules, at, of_kind

RULES: Final = Rules()
_SERVER: Final = "dbforpostgresql:Server"
_PARAMETER: Final = "dbforpostgresql:Configuration"


@RULES.about(_SERVER, "PSRule Azure.PostgreSQL.AADOnly")
def postgres_has_no_passwords(props: Props) -> bool:
    """PostgreSQL takes Entra logins only: activeDirectoryAuth Enabled, passwordAuth Disabled, no administratorLogin."""
    entra = at(props, "authConfig.activeDirectoryAuth") == "Enabled"
    return entra and at(props, "authConfig.passwordAuth") == "Disabled" and at(props, "administratorLogin") is None


@RULES.about(_SERVER, "github.com/Azure/azure-postgresql/issues/132")
def postgres_is_a_version_with_entra_login(props: Props) -> bool:
    """PostgreSQL is version 17: Entra login fails on 18, and those before lack what the migrations use."""
    return at(props, "version") == "17"


@RULES.about(_SERVER, "learn.microsoft.com/azure/postgresql/high-availability/concepts-high-availability")
def a_standby_needs_more_than_burstable(props: Props) -> bool:
    """A zone-redundant server is of the tier GeneralPurpose or MemoryOptimized."""
    return at(props, "highAvailability.mode") != "ZoneRedundant" or at(props, "sku.tier") != "Burstable"


@RULES.about(_SERVER, "PSRule Azure.PostgreSQL.ZoneRedundantHA")
def a_standby_is_in_another_zone(props: Props) -> bool:
    """A standby in the same zone does not outlive it: ZoneRedundant, or none."""
    return at(props, "highAvailability.mode") in {"ZoneRedundant", "Disabled"}


@RULES.about(_SERVER, "PSRule Azure.PostgreSQL.GeoRedundantBackup, Checkov CKV_AZURE_136")
def what_outlives_a_zone_outlives_a_region(props: Props) -> bool:
    """A server with a standby has backups for 35 days, with a copy in the paired region."""
    geo = at(props, "backup.geoRedundantBackup") == "Enabled" and at(props, "backup.backupRetentionDays") == 35  # noqa: PLR2004
    return at(props, "highAvailability.mode") == "Disabled" or geo


@RULES.about(_SERVER, "learn.microsoft.com/azure/postgresql/configure-maintain/concepts-limits#storage")
def postgres_grows_before_it_turns_read_only(props: Props) -> bool:
    """Storage grows by itself; at 95 percent the server would turn read-only."""
    return at(props, "storage.autoGrow") == "Enabled"


@RULES.about(_SERVER, "PSRule Azure.PostgreSQL.MaintenanceWindow")
def postgres_is_maintained_when_we_say(props: Props) -> bool:
    """The maintenance window is ours and not Azure's choice."""
    return at(props, "maintenanceWindow.customWindow") == "Enabled"


@RULES.about("dbforpostgresql:FirewallRule", "PSRule Azure.PostgreSQL.AllowAzureAccess, .FirewallIPRange")
def postgres_lets_in_single_addresses(props: Props) -> bool:
    """A firewall rule names one address. 0.0.0.0 would be all of Azure, everybody's."""
    start = at(props, "startIpAddress")
    return start == at(props, "endIpAddress") and start != "0.0.0.0"  # noqa: S104 - Azure's word for itself


@RULES.about(
    "dbforpostgresql:AdministratorsMicrosoftEntra",
    "learn.microsoft.com/azure/postgresql/security/security-entra-concepts",
)
def people_administer_postgres_as_a_group(props: Props) -> bool:
    """An administrator is a group or an identity, not a person who may leave."""
    return at(props, "principalType") in {"Group", "ServicePrincipal"}


@RULES.about_the_stack("www.postgresql.org/docs/17/runtime-config-logging.html")
def server_logs_quote_no_rows(resources: Sequence[Resource]) -> Iterator[str]:
    """Error details and parameter values are payment data: log_error_verbosity terse, log_parameter_max_length 0."""
    for server, values in _parameters(resources):
        secret = values.get("log_error_verbosity") == "terse" and values.get("log_parameter_max_length") == "0"
        if not secret or values.get("log_parameter_max_length_on_error", "0") != "0":
            yield server


@RULES.about_the_stack("PSRule Azure.PostgreSQL.UseSSL, .MinTLS")
def postgres_requires_tls_1_2(resources: Sequence[Resource]) -> Iterator[str]:
    """Every connection has TLS 1.2 or newer: require_secure_transport on, ssl_min_protocol_version TLSv1.2."""
    for server, values in _parameters(resources):
        if values.get("require_secure_transport") != "on" or values.get("ssl_min_protocol_version") not in {
            "TLSv1.2",
            "TLSv1.3",
        }:
            yield server


@RULES.about_the_stack("learn.microsoft.com/azure/postgresql/configure-maintain/concepts-limits")
def burstable_servers_have_no_pooler(resources: Sequence[Resource]) -> Iterator[str]:
    """Azure offers PgBouncer in no tier below GeneralPurpose; setting it up there fails."""
    tiers = {at(server.props, "serverName"): at(server.props, "sku.tier") for server in of_kind(resources, _SERVER)}
    for server, values in _parameters(resources):
        if tiers.get(server) == "Burstable" and any(name.startswith("pgbouncer.") for name in values):
            yield server


@RULES.about_the_stack("www.pgbouncer.org/config.html#max_prepared_statements")
def a_pooler_by_transaction_knows_prepared_statements(resources: Sequence[Resource]) -> Iterator[str]:
    """PgBouncer pools by transaction and keeps prepared statements: psycopg makes them by itself."""
    for server, values in _parameters(resources):
        if values.get("pgbouncer.enabled") == "true":
            by_transaction = values.get("pgbouncer.pool_mode") == "transaction"
            if not by_transaction or int(values.get("pgbouncer.max_prepared_statements", "0")) < 1:
                yield server


def _parameters(resources: Sequence[Resource]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each server, and its parameters as set here."""
    for server in of_kind(resources, _SERVER):
        name = at(server.props, "serverName")
        yield (
            name,
            {
                at(parameter.props, "configurationName"): at(parameter.props, "value")
                for parameter in of_kind(resources, _PARAMETER)
                if at(parameter.props, "serverName") == name
            },
        )
