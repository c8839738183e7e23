"""The policy pack: `pulumi preview --policy-pack infra/policies`. The rules themselves are in payments_policies."""

from pulumi_policy import EnforcementLevel, PolicyPack

from payments_policies.pack import ALL_RULES

PolicyPack(
    name="payments-ingest",
    policies=[rule.policy() for rule in ALL_RULES],
    enforcement_level=EnforcementLevel.MANDATORY,
)
