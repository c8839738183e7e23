"""What tests ask of a recorded stack."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Final

STACKS: Final = ("dev", "staging", "prod")


@dataclass(frozen=True)
class Recorded:
    """A resource as it was registered. `inputs` as Azure's API names them; numbers are floats."""

    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    protect: bool
    retain: bool
    ignore_changes: list[str]
    depends_on: list[str]

    # As pulumi_policy calls them
    @property
    def resource_type(self) -> str:
        return self.type

    @property
    def props(self) -> dict[str, Any]:
        return self.inputs

    @property
    def opts(self) -> SimpleNamespace:
        return SimpleNamespace(protect=self.protect)

    @property
    def kind(self) -> str:
        """storage:StorageAccount"""
        return self.type.removeprefix("azure-native:")

    @property
    def is_component(self) -> bool:
        return not self.type.startswith("azure-native:")


@dataclass(frozen=True)
class Stack:
    rows: Sequence[Recorded]

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self.rows)

    def of_kind(self, kind: str) -> list[Recorded]:
        return [row for row in self.rows if row.kind == kind]

    def one(self, kind: str, name: str | None = None) -> Recorded:
        found = [row for row in self.of_kind(kind) if name is None or row.name == name]
        assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
        return found[0]

    @cached_property
    def _direct(self) -> dict[str, set[str]]:
        return {row.name: set(row.depends_on) for row in self.rows if not row.is_component}

    def waits_for(self, name: str) -> set[str]:
        """All resources that must be there before this one is made, directly or through others."""
        waiting, seen = [name], set[str]()
        while waiting:
            for dependency in self._direct.get(waiting.pop(), set()) - seen:
                seen.add(dependency)
                waiting.append(dependency)
        return seen

    def app_settings(self) -> dict[str, str]:
        site = self.one("web:WebApp").inputs["siteConfig"]
        return {setting["name"]: setting["value"] for setting in site["appSettings"]}
