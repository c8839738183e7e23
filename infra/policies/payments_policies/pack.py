"""All rules, in the order of the modules."""

from typing import Final

from payments_policies import access, event_hubs, functions, network, operations, postgres, storage
from payments_policies.rules import Rule

ALL_RULES: Final[tuple[Rule, ...]] = (
    *event_hubs.RULES,
    *storage.RULES,
    *postgres.RULES,
    *functions.RULES,
    *network.RULES,
    *access.RULES,
    *operations.RULES,
)
