"""What a rule is: about one resource, or about the stack as a whole. A person reads its docstring when it fails."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pulumi_policy import (
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

Props = Mapping[str, Any]


class Resource(Protocol):
    """The part of pulumi_policy.PolicyResource that rules look at. Numbers come as floats."""

    resource_type: str
    name: str
    props: Props
    opts: Any


Holds = Callable[[Props], bool]
Offenders = Callable[[Sequence[Resource]], Iterable[str]]


@dataclass(frozen=True)
class ResourceRule:
    """`holds` says whether a resource of the kind is as it must be."""

    name: str
    says: str
    source: str
    kind: str
    holds: Holds

    def policy(self) -> ResourceValidationPolicy:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if args.resource_type == self.kind and not self.holds(args.props):
                report(f"{self.says} [{self.source}]", None)

        return ResourceValidationPolicy(name=self.name, description=self.says, validate=validate)


@dataclass(frozen=True)
class StackRule:
    """`offenders` names what is not as it must be, looking at all resources."""

    name: str
    says: str
    source: str
    offenders: Offenders

    def policy(self) -> StackValidationPolicy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            for offender in self.offenders(args.resources):
                report(f"{offender}: {self.says} [{self.source}]", None)

        return StackValidationPolicy(name=self.name, description=self.says, validate=validate)


Rule = ResourceRule | StackRule


class Rules:
    """The rules of one module, in order: a decorated function becomes a rule named after it."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def about(self, kind: str, source: str) -> Callable[[Holds], Holds]:
        def add(holds: Holds) -> Holds:
            self._rules.append(ResourceRule(_name(holds), _says(holds), source, f"azure-native:{kind}", holds))
            return holds

        return add

    def about_the_stack(self, source: str) -> Callable[[Offenders], Offenders]:
        def add(offenders: Offenders) -> Offenders:
            self._rules.append(StackRule(_name(offenders), _says(offenders), source, offenders))
            return offenders

        return add


def _name(function: Callable[..., Any]) -> str:
    return function.__name__.replace("_", "-")


def _says(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split())


def of_kind(resources: Sequence[Resource], kind: str) -> list[Resource]:
    return [resource for resource in resources if resource.resource_type == f"azure-native:{kind}"]


def at(props: Props, path: str, default: Any = None) -> Any:
    """The value at a dotted path, where every part may be absent."""
    value: Any = props
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            return default
    return value
