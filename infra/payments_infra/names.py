"""Names of all resources, pure: abbreviations of Microsoft's Cloud Adoption Framework, lengths that Azure accepts.

Names that the whole of Azure shares end in a hash of subscription and stack, so that two teams can deploy this.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

WORKLOAD: Final = "payments"
_HASH_LENGTH: Final = 6
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
STORAGE_ACCOUNT_LENGTH: Final = 24
CONTAINER_APPS_JOB_LENGTH: Final = 32
REGISTRY_LENGTH: Final = 50
EVENT_HUBS_NAMESPACE_LENGTH: Final = 50
FUNCTION_APP_LENGTH: Final = 60
POSTGRES_SERVER_LENGTH: Final = 63
STACK_LENGTH: Final = 9  # what the shortest of these, the storage account, leaves room for


@dataclass(frozen=True)
class Names:
    """The names of one stack. `subscription` only feeds the hash."""

    stack: str
    subscription: str

    def __post_init__(self) -> None:
        if not re.fullmatch(rf"[a-z][a-z0-9]{{0,{STACK_LENGTH - 1}}}", self.stack):
            raise ValueError(
                f"stack {self.stack!r}: choose 1 to {STACK_LENGTH} lower-case letters and digits, a letter first; "
                "names of storage accounts have no room for more"
            )

    @property
    def hash(self) -> str:
        text = f"{self.subscription}/{WORKLOAD}/{self.stack}"
        return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]

    def local(self, abbreviation: str, role: str = "") -> str:
        """A name that is unique within its resource group, such as id-payments-ingest-dev."""
        return "-".join(part for part in (abbreviation, WORKLOAD, role, self.stack) if part)

    @property
    def resource_group(self) -> str:
        return self.local("rg")

    @property
    def event_hubs_namespace(self) -> str:
        return _within(self._worldwide("evhns"), EVENT_HUBS_NAMESPACE_LENGTH)

    @property
    def postgres_server(self) -> str:
        return _within(self._worldwide("psql"), POSTGRES_SERVER_LENGTH)

    @property
    def function_app(self) -> str:
        return _within(self._worldwide("func"), FUNCTION_APP_LENGTH)

    @property
    def registry(self) -> str:
        """Letters and digits only."""
        return _within(f"cr{WORKLOAD}{self.stack}{self.hash}", REGISTRY_LENGTH)

    def storage_account(self, role: str) -> str:
        """Lower-case letters and digits only; `role` is an abbreviation of at most 3 letters, hence the short "pay"."""
        return _within(f"st{WORKLOAD[:3]}{role}{self.stack}{self.hash}", STORAGE_ACCOUNT_LENGTH)

    def job(self, task: str) -> str:
        return _within(self.local("caj", task), CONTAINER_APPS_JOB_LENGTH)

    def _worldwide(self, abbreviation: str) -> str:
        return f"{self.local(abbreviation)}-{self.hash}"


def _within(name: str, length: int) -> str:
    if len(name) > length:
        raise ValueError(f"{name!r} has {len(name)} characters; Azure allows {length}")
    return name
