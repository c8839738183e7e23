"""The archive's lifecycle policy: when files get cheaper to keep, and when they go."""

from typing import Final

from pulumi_azure_native import storage

from payments_core.tiers import READABLE_AGAIN_DAYS, Tiers

# Redriven dead letters are deleted by the function; what the account keeps of them needs no years.
_DELETED_DEAD_LETTER_DAYS: Final = 30


def lifecycle_rules(events: str, dead_letters: str, tiers: Tiers) -> list[storage.ManagementPolicyRuleArgs]:
    """Events move to cheaper tiers and end, their versions and snapshots too. Dead letters stay until resolved."""
    return [
        _rule(
            "events",
            events,
            storage.ManagementPolicyActionArgs(
                base_blob=storage.ManagementPolicyBaseBlobArgs(
                    tier_to_cool=_modified(tiers.cool),
                    # Without this, what an auditor had brought back would be moved away again the same day.
                    tier_to_archive=storage.DateAfterModificationArgs(
                        days_after_modification_greater_than=tiers.archive,
                        days_after_last_tier_change_greater_than=READABLE_AGAIN_DAYS,
                    ),
                    delete=_modified(tiers.delete),
                ),
                version=storage.ManagementPolicyVersionArgs(
                    tier_to_cool=_created(tiers.cool),
                    tier_to_archive=_created(tiers.archive),
                    delete=_created(tiers.delete),
                ),
                snapshot=storage.ManagementPolicySnapShotArgs(
                    tier_to_cool=_created(tiers.cool),
                    tier_to_archive=_created(tiers.archive),
                    delete=_created(tiers.delete),
                ),
            ),
        ),
        _rule(
            "resolved-dead-letters",
            dead_letters,
            storage.ManagementPolicyActionArgs(
                version=storage.ManagementPolicyVersionArgs(delete=_created(_DELETED_DEAD_LETTER_DAYS)),
                snapshot=storage.ManagementPolicySnapShotArgs(delete=_created(_DELETED_DEAD_LETTER_DAYS)),
            ),
        ),
    ]


def _rule(name: str, container: str, actions: storage.ManagementPolicyActionArgs) -> storage.ManagementPolicyRuleArgs:
    filters = storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"], prefix_match=[f"{container}/"])
    return storage.ManagementPolicyRuleArgs(
        name=name,
        type="Lifecycle",
        enabled=True,
        definition=storage.ManagementPolicyDefinitionArgs(filters=filters, actions=actions),
    )


def _modified(days: int) -> storage.DateAfterModificationArgs:
    return storage.DateAfterModificationArgs(days_after_modification_greater_than=days)


def _created(days: int) -> storage.DateAfterCreationArgs:
    return storage.DateAfterCreationArgs(days_after_creation_greater_than=days)
