"""Every rule holds for the recorded stacks, looks at something in them, and fails on a resource that breaks it."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from payments_policies.pack import ALL_RULES
from payments_policies.rules import ResourceRule, Rule, StackRule

from .examples import BROKEN
from .recording import ROOT
from .stacks import Recorded, Stack

_NAMES = [rule.name for rule in ALL_RULES]


def violations(rule: Rule, rows: list[Recorded]) -> list[str]:
    """What the rule reports, through the very policy that the pulumi command would run."""
    found: list[str] = []

    def report(message: str, _urn: str | None = None) -> None:
        found.append(message)

    validate = cast("Callable[[Any, Any], None]", rule.policy().validate)
    if isinstance(rule, StackRule):
        validate(SimpleNamespace(resources=rows), report)
    else:
        for row in rows:
            validate(row, report)
    return found


@pytest.mark.parametrize("rule", ALL_RULES, ids=_NAMES)
def test_the_stacks_keep_the_rule(rule: Rule, stack: Stack) -> None:
    assert violations(rule, list(stack)) == []


@pytest.mark.parametrize("rule", ALL_RULES, ids=_NAMES)
def test_the_rule_fails_on_a_resource_that_breaks_it(rule: Rule, prod: Stack) -> None:
    rows = BROKEN[rule.name](copy.deepcopy(list(prod)))
    found = violations(rule, rows)
    assert found, "the broken stack passed"
    assert rule.says in found[0]
    assert rule.source in found[0]


def test_every_rule_about_a_resource_meets_one(recorded: Mapping[str, Stack]) -> None:
    kinds = {row.type for stack in recorded.values() for row in stack}
    unmet = [rule.name for rule in ALL_RULES if isinstance(rule, ResourceRule) and rule.kind not in kinds]
    assert unmet == ["postgres-lets-in-single-addresses"], "only an opened dev stack has firewall rules"


def test_a_dev_stack_that_lets_a_laptop_in_keeps_the_rules(opened_dev: Stack) -> None:
    assert opened_dev.of_kind("dbforpostgresql:FirewallRule")
    assert [v for rule in ALL_RULES for v in violations(rule, list(opened_dev))] == []


def test_the_documentation_counts_the_rules() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert f"- {len(ALL_RULES)} rules that no schema knows" in text


def test_every_rule_has_a_name_of_its_own_a_text_and_a_source() -> None:
    assert len(set(_NAMES)) == len(ALL_RULES)
    assert all(rule.says.endswith(".") and rule.source for rule in ALL_RULES)
    assert BROKEN.keys() == set(_NAMES)


def test_rules_that_look_at_single_resources_ignore_others(prod: Stack) -> None:
    foreign = replace(prod.one("resources:ResourceGroup"), type="azure-native:other:Thing", inputs={})
    about_one = [rule for rule in ALL_RULES if isinstance(rule, ResourceRule)]
    assert [v for rule in about_one for v in violations(rule, [foreign])] == []
