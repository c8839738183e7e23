"""Alerts: each has a section in the runbook that says what to do, and looks for words that the application writes."""

import json
import re
from collections.abc import Mapping

import pytest

from payments_infra.signals import Signal, signals

from .recording import ROOT
from .stacks import STACKS, Stack

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
SOURCE = "\n".join(
    file.read_text(encoding="utf-8")
    for folder in ("services/ingest_function", "packages/storage/src")
    for file in (ROOT / folder).rglob("*.py")
)
_KINDS = ("monitor:MetricAlert", "monitor:ScheduledQueryRule", "monitor:ActivityLogAlert")
_WANTED = {
    "dead-letters", "failed-items", "consumer-lag", "retries", "reconcile-difference", "event-hub-throttled",
    "postgres-cpu", "postgres-storage", "postgres-connections", "no-events", "ingest-stopped", "partitions-not-made",
}  # fmt: skip


def alerts(stack: Stack) -> dict[str, str]:
    """Name -> description."""
    return {
        row.name.removeprefix("alert-"): row.inputs["description"] for kind in _KINDS for row in stack.of_kind(kind)
    }


def sections() -> dict[str, str]:
    parts = re.split(r"^## (\S+)$", RUNBOOK, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_an_engineer_is_told_of_what_matters(stack: Stack) -> None:
    assert alerts(stack).keys() >= _WANTED


def test_every_alert_links_to_a_section_of_the_runbook_and_every_section_has_an_alert(stack: Stack) -> None:
    linked = {description.split("runbook.md#")[1] for description in alerts(stack).values()}
    assert linked == alerts(stack).keys()
    assert linked | {"budget"} == sections().keys()


@pytest.mark.parametrize("name", sections())
def test_a_section_says_what_it_means_what_to_look_at_and_what_to_do(name: str) -> None:
    text = sections()[name]
    for part in ("**Means.**", "**Look.**", "**Do.**"):
        assert part in text, f"{name} lacks {part}"


@pytest.mark.parametrize("name", STACKS)
def test_every_alert_reaches_the_people_on_call(recorded: Mapping[str, Stack], name: str) -> None:
    stack = recorded[name]
    group = stack.one("monitor:ActionGroup").inputs
    assert [receiver["emailAddress"] for receiver in group["emailReceivers"]]
    for kind in _KINDS:
        for row in stack.of_kind(kind):
            assert "operations-on-call" in stack.waits_for(row.name), row.name


@pytest.mark.parametrize("signal", signals().values(), ids=signals())
def test_a_signal_looks_for_words_that_the_application_writes(signal: Signal) -> None:
    query = signal.rows
    for field in re.findall(r'extract\(@"\\b(\w+)=', query):
        assert re.search(rf"\b{field}=%", SOURCE), f"no log line has {field}="
    for words in re.findall(r'Message (?:has|contains|startswith) "([^"]+)"', query):
        assert words.removesuffix("=") in SOURCE, f"no log line has {words!r}"
    for function in re.findall(r'\bName == "(\w+)"', query):
        assert f'@app.function_name("{function}")' in SOURCE


@pytest.mark.parametrize("signal", signals().values(), ids=signals())
def test_a_signal_gives_one_figure_and_a_chart_of_the_same(signal: Signal) -> None:
    assert signal.figure.startswith(signal.rows)
    assert signal.figure.endswith(f"summarize value = {signal.aggregate}")
    assert signal.chart.startswith(signal.rows)
    assert "bin(TimeGenerated, 5m)" in signal.chart


def test_the_workbook_shows_the_figures_of_the_alerts(prod: Stack) -> None:
    document = json.loads(prod.one("applicationinsights:Workbook").inputs["serializedData"])
    queries = [item["content"]["query"] for item in document["items"] if item["type"] == 3]
    for name, signal in signals().items():
        assert (signal.chart in queries) == (name not in {"stopped", "maintained"}), name


def test_connections_are_watched_against_what_the_servers_size_takes(prod: Stack, dev: Stack) -> None:
    for stack, users in ((prod, 3422), (dev, 35)):
        criterion = stack.one("monitor:MetricAlert", "alert-postgres-connections").inputs["criteria"]["allOf"][0]
        assert criterion["threshold"] == pytest.approx(0.8 * users)


def test_the_budget_writes_when_it_is_exceeded_and_when_it_will_be(prod: Stack) -> None:
    budget = prod.one("consumption:Budget").inputs
    assert {notification["thresholdType"] for notification in budget["notifications"].values()} == {
        "Actual", "Forecasted",
    }  # fmt: skip
    assert budget["amount"] == 5000
