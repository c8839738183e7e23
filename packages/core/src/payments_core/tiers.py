"""The tiers of the archive: when a file moves, how long Azure bills it there in any case, and what leaving early costs.

The infrastructure's lifecycle policy and `payments events cost` both reckon with this.
https://learn.microsoft.com/azure/storage/blobs/access-tiers-overview
"""

from dataclasses import dataclass
from typing import Final

COOL_DAYS: Final = 30
"""Days that the cool tier bills for a file that was moved there, however soon it leaves."""
ARCHIVE_DAYS: Final = 180
"""The same of the archive tier."""
READABLE_AGAIN_DAYS: Final = 7
"""Days for which a file that was brought back from the archive tier stays before the policy may move it there again."""


@dataclass(frozen=True, slots=True)
class Tiers:
    """Days after a file was last written at which it moves to a tier, and at which it is deleted.

    The defaults are those of Pulumi.yaml; a test of the infrastructure holds them together.
    """

    cool: int = 30
    archive: int = 90
    delete: int = 2557

    @property
    def cool_days(self) -> int:
        """Spent in the cool tier; not below 0."""
        return max(0, min(self.archive, self.delete) - self.cool)

    @property
    def archive_days(self) -> int:
        """Spent in the archive tier; not below 0."""
        return max(0, self.delete - self.archive)

    @property
    def cool_days_unused(self) -> int:
        """Billed for nothing, because files leave the cool tier before its minimum is over."""
        return max(0, COOL_DAYS - self.cool_days) if self.cool < self.delete else 0

    @property
    def archive_days_unused(self) -> int:
        """Billed for nothing, because files are deleted before the archive tier's minimum is over."""
        return max(0, ARCHIVE_DAYS - self.archive_days) if self.archive < self.delete else 0


USUAL: Final = Tiers()
SOFT_DELETE_DAYS: Final = 30
"""Days for which what was deleted is kept, and billed; likewise of Pulumi.yaml."""
