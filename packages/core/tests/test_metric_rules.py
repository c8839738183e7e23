"""`metrics.toml`: what a rule may say, and that a bad one is named with its key and the reason."""

from importlib.resources import files

import pytest

from payments_core.batch import Parser
from payments_core.rules import MetricRule, RulesError, load_rules


def rule(name: str = '"a"', field: str = '"x"', more: str = "") -> str:
    return f"[[metric]]\nname = {name}\nfield = {field}\n{more}\n"


def test_the_rules_that_come_with_the_package() -> None:
    nothing: dict[str, frozenset[str]] = {}
    assert load_rules((files("payments_core") / "metrics.toml").read_text(encoding="utf-8")) == (
        MetricRule("amount", ("amount",), nothing, "$currency"),
        MetricRule("fee_amount", ("fee_amount",), nothing, "$currency"),
        MetricRule("processing_time_ms", ("processing_time_ms",), nothing, "ms"),
        MetricRule("risk_score", ("risk_score",), nothing, None),
    )


def test_a_rule_with_everything() -> None:
    toml = rule(
        '"score"', '"risk.model.score"', 'unit = "points"\nwhen = { currency = "EUR", event_type = ["a", "b"] }'
    )
    conditions = {"currency": frozenset({"EUR"}), "event_type": frozenset({"a", "b"})}
    assert load_rules(toml) == (MetricRule("score", ("risk", "model", "score"), conditions, "points"),)


@pytest.mark.parametrize("field", ['"x y"', '"geb\u00fchr"', '"data.amount"', '"m0"', '"a-b.c_d"', '"index"'])
def test_a_field_may_be_any_path_that_the_parser_can_read(field: str) -> None:
    Parser(load_rules(rule(field=field)))


def test_rules_keep_the_order_of_the_file() -> None:
    assert [r.name for r in load_rules(rule('"b"') + rule('"a"') + rule('"c"'))] == ["b", "a", "c"]


def test_a_name_may_have_100_characters() -> None:
    assert load_rules(rule('"' + "x" * 100 + '"'))[0].name == "x" * 100


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("x = 1\nmetric = y", ["not valid TOML", "line 2"]),
        ("", ["[[metric]]"]),
        ("x = 1\n" + rule(), ["[[metric]]", "nothing else"]),
        ('[metric]\nname = "a"', ["[[metric]]"]),
        ("metric = [1]", ["rule 1", "table", "1"]),
        ("metric = [[]]", ["rule 1", "table"]),
        ('[[metric]]\nfield = "x"', ["rule 1", "name", "1 to 100"]),
        (rule('""'), ["rule 1", "name", "1 to 100"]),
        (rule('" "'), ["rule 1", "name"]),
        (rule("5"), ["rule 1", "(5)", "name"]),
        (rule('"' + "x" * 101 + '"'), ["rule 1", "name", "1 to 100"]),
        (rule('"a\\u0000"'), ["rule 1", "name", "printable"]),
        (rule() + rule('"b"', '"y"', "units = 1"), ["rule 2", "'b'", "unknown key 'units'", "unit"]),
        ('[[metric]]\nname = "a"', ["rule 1", "'a'", "field", "None"]),
        (rule(field='""'), ["rule 1", "field", "''"]),
        (rule(field="5"), ["field", "5"]),
        (rule(field='"a..b"'), ["field", "'a..b'"]),
        (rule(field='".a"'), ["field", "'.a'"]),
        (rule(field="'a\"b'"), ["field", 'a"b']),
        (rule(field="'a\\b'"), ["field"]),
        (rule(field='"a\\u0001"'), ["field"]),
        (rule(field='"currency"'), ["field 'currency'", "text"]),
        (rule(field='"event_id.x"'), ["field 'event_id.x'", "text"]),
        (rule(field='"specversion"'), ["field 'specversion'", "text"]),
        (rule(field='"amount.value"'), ["field 'amount.value'"]),
        (rule(more="unit = 5"), ["'a'", "unit", "5"]),
        (rule(more='unit = ""'), ["'a'", "unit", "''"]),
        (rule(more='unit = "\\u0000"'), ["'a'", "unit"]),
        (rule(more="when = 5"), ["'a'", "when", "event_type", "5"]),
        (rule(more='when = { amount = "5" }'), ["'a'", "when", "payment_status", "amount"]),
        (rule(more="when = { currency = [] }"), ["'a'", "when.currency", "[]"]),
        (rule(more='when = { currency = ["EUR", "eur"] }'), ["'a'", "when.currency", "'eur'", "ISO 4217"]),
        (rule(more="when = { currency = 5 }"), ["'a'", "when.currency", "5"]),
        (rule(more='when = { currency = ["EUR", 5] }'), ["'a'", "when.currency", "5"]),
        (rule() + rule(field='"y"'), ["'a'", "twice", "must differ"]),
        (rule(field='"risk"') + rule('"b"', '"risk.score"'), ["'a'", "'b'"]),
        (rule('"b"', '"risk.score.x"') + rule(field='"risk.score"'), ["'a'", "'b'"]),
    ],
)
def test_a_bad_rule_is_named_with_its_key_and_the_reason(toml: str, said: list[str]) -> None:
    with pytest.raises(RulesError) as raised:
        load_rules(toml)
    assert [words for words in said if words not in str(raised.value)] == []
