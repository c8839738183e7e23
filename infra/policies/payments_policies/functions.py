"""Function Apps on Flex Consumption, and Container Apps jobs."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from payments_policies.rules import Props, Resource, Rules, at, of_kind

RULES: Final = Rules()
_APP: Final = "web:WebApp"
_JOB: Final = "app:Job"
# ARM answers these with error 51021 (Azure/terraform-azurerm-avm-res-web-site issues 283, 345, 353, 360)
_REJECTED_SITE_KEYS: Final = {
    "linuxFxVersion", "windowsFxVersion", "netFrameworkVersion", "ftpsState", "use32BitWorkerProcess",
    "preWarmedInstanceCount", "functionAppScaleLimit", "alwaysOn",
}  # fmt: skip
_DEPRECATED_SETTINGS: Final = re.compile(
    "FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_RUN_FROM_PACKAGE|WEBSITE_CONTENT.*|"
    "SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|WEBSITE_TIME_ZONE|TZ"
)
_SECRET: Final = re.compile(
    r"AccountKey=|SharedAccessKey=|SharedAccessSignature=|password=|://[^/@]+:[^/@]+@", re.IGNORECASE
)


@RULES.about(_APP, "github.com/Azure/terraform-azurerm-avm-res-web-site/issues/283")
def flex_gets_no_site_key_that_it_rejects(props: Props) -> bool:
    """Flex Consumption answers classic keys of siteConfig with error 51021; functionAppConfig has their like."""
    return not _REJECTED_SITE_KEYS & at(props, "siteConfig", {}).keys()


@RULES.about(
    _APP, "learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations"
)
def flex_gets_no_deprecated_setting(props: Props) -> bool:
    """Flex Consumption takes runtime and package from functionAppConfig, and not from app settings."""
    return not any(_DEPRECATED_SETTINGS.fullmatch(name) for name in _settings(props))


@RULES.about(_APP, "learn.microsoft.com/azure/azure-functions/functions-identity-based-connections-tutorial")
def the_app_has_no_secret(props: Props) -> bool:
    """No app setting holds a key, a signature or a password: every connection is an identity's."""
    return not any(_SECRET.search(value) for value in _settings(props).values())


@RULES.about(_APP, "PSRule Azure.AppService.UseHTTPS, Checkov CKV_AZURE_70")
def the_app_requires_https(props: Props) -> bool:
    """The app's site takes HTTPS only: set httpsOnly to true."""
    return at(props, "httpsOnly") is True


@RULES.about(_APP, "PSRule Azure.AppService.MinTLS, Checkov CKV_AZURE_145")
def the_app_requires_tls_1_2(props: Props) -> bool:
    """The app's site and its deployment endpoint take TLS 1.2 and newer only."""
    versions = {at(props, "siteConfig.minTlsVersion"), at(props, "siteConfig.scmMinTlsVersion")}
    return versions <= {"1.2", "1.3"}


@RULES.about(_APP, "PSRule Azure.AppService.ManagedIdentity")
def the_app_has_an_identity_of_its_own(props: Props) -> bool:
    """The app runs as one user-assigned identity, which has its roles before the app exists."""
    one = len(at(props, "identity.userAssignedIdentities", [])) == 1
    return one and at(props, "identity.type") == "UserAssigned"


@RULES.about(_APP, "learn.microsoft.com/azure/app-service/app-service-ip-restrictions")
def the_site_answers_nobody(props: Props) -> bool:
    """There is no HTTP trigger: the site denies by default, and its deployment endpoint does not follow it."""
    closed = at(props, "siteConfig.ipSecurityRestrictionsDefaultAction") == "Deny"
    return closed and at(props, "siteConfig.scmIpSecurityRestrictionsUseMain") is False


@RULES.about(_APP, "learn.microsoft.com/azure/azure-functions/flex-consumption-plan")
def flex_scales_within_what_it_offers(props: Props) -> bool:
    """Instances have 512, 2,048 or 4,096 MB, and their upper limit is 40 to 1,000."""
    scale = at(props, "functionAppConfig.scaleAndConcurrency", {})
    return scale.get("instanceMemoryMB") in {512, 2048, 4096} and 40 <= scale.get("maximumInstanceCount", 0) <= 1000  # noqa: PLR2004


@RULES.about(_APP, "github.com/Azure/Azure-Functions/issues/2666")
def the_runtime_is_one_that_is_tested(props: Props) -> bool:
    """Azure accepts any version of Python and the app then fails silently: 3.11, 3.12 or 3.13."""
    runtime = at(props, "functionAppConfig.runtime", {})
    return runtime.get("name") == "python" and runtime.get("version") in {"3.11", "3.12", "3.13"}


@RULES.about(_APP, "learn.microsoft.com/azure/azure-functions/functions-identity-based-connections-tutorial")
def the_package_is_read_by_identity(props: Props) -> bool:
    """The deployment container is read by the app's identity, for the account has no keys."""
    return at(props, "functionAppConfig.deployment.storage.authentication.type") == "UserAssignedIdentity"


@RULES.about_the_stack("learn.microsoft.com/azure/azure-functions/flex-consumption-plan#considerations")
def a_flex_plan_has_one_app(resources: Sequence[Resource]) -> Iterator[str]:
    """A Flex Consumption plan takes one app."""
    plans = Counter(at(app.props, "serverFarmId") for app in of_kind(resources, _APP))
    yield from (str(plan) for plan, apps in plans.items() if apps > 1)


@RULES.about_the_stack("learn.microsoft.com/azure/reliability/reliability-functions")
def a_zone_redundant_plan_has_two_ready_instances(resources: Sequence[Resource]) -> Iterator[str]:
    """With a zone-redundant plan, at least two instances of each always-ready group run, in different zones."""
    if any(at(plan.props, "zoneRedundant") is True for plan in of_kind(resources, "web:AppServicePlan")):
        for app in of_kind(resources, _APP):
            groups = at(app.props, "functionAppConfig.scaleAndConcurrency.alwaysReady", [])
            if any(group.get("instanceCount", 0) < 2 for group in groups):  # noqa: PLR2004
                yield app.name


@RULES.about_the_stack("learn.microsoft.com/azure/app-service/configure-basic-auth-disable")
def nobody_publishes_with_a_password(resources: Sequence[Resource]) -> Iterator[str]:
    """Basic authentication is off for FTP and for the deployment endpoint of every app."""
    off = Counter(
        at(switch.props, "name")
        for kind in ("web:WebAppFtpAllowed", "web:WebAppScmAllowed")
        for switch in of_kind(resources, kind)
        if at(switch.props, "allow") is False
    )
    for app in of_kind(resources, _APP):
        if off[at(app.props, "name")] != 2:  # noqa: PLR2004 - both
            yield app.name


@RULES.about(_JOB, "learn.microsoft.com/azure/container-apps/jobs")
def a_job_ends(props: Props) -> bool:
    """A job starts by hand only, and is ended after four hours at the latest."""
    by_hand = at(props, "configuration.triggerType") == "Manual"
    return by_hand and 0 < at(props, "configuration.replicaTimeout", 0) <= 4 * 3600


@RULES.about(_JOB, "learn.microsoft.com/azure/container-apps/managed-identity")
def a_job_has_no_secret(props: Props) -> bool:
    """A job has neither secrets nor passwords: it pulls its image and connects by its own identity."""
    values = [
        variable.get("value", "")
        for container in at(props, "template.containers", [])
        for variable in container.get("env", [])
    ]
    pulls = [registry.get("identity") for registry in at(props, "configuration.registries", [])]
    return not at(props, "configuration.secrets") and all(pulls) and not any(_SECRET.search(value) for value in values)


@RULES.about("app:ManagedEnvironment", "learn.microsoft.com/azure/container-apps/vnet-custom-internal")
def jobs_run_inside_the_network(props: Props) -> bool:
    """The environment of the jobs is in our network and has no public address."""
    inside = at(props, "vnetConfiguration.internal") is True and at(props, "vnetConfiguration.infrastructureSubnetId")
    return bool(inside) and at(props, "publicNetworkAccess") == "Disabled"


@RULES.about(
    "containerregistry:Registry", "PSRule Azure.ACR.AdminUser, .AnonymousAccess, Checkov CKV_AZURE_137, CKV_AZURE_138"
)
def the_registry_knows_who_pulls(props: Props) -> bool:
    """The registry has no admin user and gives images to nobody unnamed."""
    return at(props, "adminUserEnabled") is False and at(props, "anonymousPullEnabled") is False


def _settings(props: Props) -> dict[str, str]:
    return {setting["name"]: setting["value"] for setting in at(props, "siteConfig.appSettings", [])}
