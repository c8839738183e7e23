"""What both storage accounts have in common: identities only, TLS, no public blobs, no way out to another tenant."""

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import storage

from payments_infra.place import Place


def locked_down_account(
    name: str,
    place: Place,
    *,
    account_name: str,
    sku: str,
    public_addresses: Sequence[str] = (),
    opts: pulumi.ResourceOptions,
) -> storage.StorageAccount:
    """Reached through private endpoints, and from these public addresses."""
    return storage.StorageAccount(
        name,
        resource_group_name=place.resource_group,
        account_name=account_name,
        kind="StorageV2",
        sku=storage.SkuArgs(name=sku),
        access_tier=storage.AccessTier.HOT,
        minimum_tls_version="TLS1_2",
        enable_https_traffic_only=True,
        allow_shared_key_access=False,
        default_to_o_auth_authentication=True,
        allow_blob_public_access=False,
        allow_cross_tenant_replication=False,
        is_local_user_enabled=False,
        is_sftp_enabled=False,
        encryption=storage.EncryptionArgs(key_source="Microsoft.Storage", require_infrastructure_encryption=True),
        sas_policy=storage.SasPolicyArgs(sas_expiration_period="1.00:00:00", expiration_action="Block"),
        public_network_access="Enabled" if public_addresses else "Disabled",
        network_rule_set=storage.NetworkRuleSetArgs(
            default_action=storage.DefaultAction.DENY,
            bypass="AzureServices",  # logs and metrics of the account itself
            ip_rules=[
                storage.IPRuleArgs(i_p_address_or_range=a, action=storage.Action.ALLOW) for a in public_addresses
            ],
        ),
        tags=place.tags,
        opts=opts,
    )
