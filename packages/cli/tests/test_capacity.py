"""Capacity plans: docs/scaling.md and the command say the same, and the arithmetic never promises more for less."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from payments import capacity
from payments.main import app

SCALING = Path(__file__).resolve().parents[3] / "docs" / "scaling.md"
RATES = (1_000, 10_000, 100_000, 1_000_000)


def test_the_documented_plans_are_those_of_the_model() -> None:
    """If this fails, put what `capacity.markdown` gives between the marks."""
    made = SCALING.read_text(encoding="utf-8").partition("a test holds it to that -->")[2].partition("<!-- end -->")[0]
    assert made.strip() == capacity.markdown(RATES)


def test_the_documented_costs_are_those_of_the_model() -> None:
    text = SCALING.read_text(encoding="utf-8")
    for cost in (
        f"{capacity.COSTS.pipeline_us:g} µs an event",
        f"{capacity.COSTS.postgres_us:g} µs an event",
        f"{capacity.COSTS.metrics_bytes} bytes an event",
        f"{capacity.COSTS.wal_bytes:,} bytes an event",
        f"{capacity.COSTS.archive_bytes} bytes an event",
    ):
        assert cost in text


@pytest.mark.parametrize("rate", RATES)
def test_the_command_prints_the_model_as_json(rate: int) -> None:
    result = CliRunner().invoke(app, ["plan", "--tps", str(rate), "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    plan = capacity.plan(rate)
    assert [item["what"] for item in report["items"]] == [item.what for item in plan.items]
    assert report["monthly"] == pytest.approx(sum(item["monthly"] for item in report["items"]))


def test_more_transactions_never_cost_less_nor_meet_fewer_limits() -> None:
    plans = [capacity.plan(rate) for rate in (1, 500, *RATES, 5_000_000)]
    for less, more in pairwise(plans):
        assert less.monthly <= more.monthly
        assert len(less.limits) <= len(more.limits)


def test_what_one_hub_or_one_server_cannot_do_is_said() -> None:
    assert capacity.plan(1_000).limits == []
    limits = " ".join(capacity.plan(100_000).limits)
    assert "Premium takes over" in limits
    assert "elastic cluster" in limits


def test_fewer_days_of_metrics_need_less_disk_and_no_cluster() -> None:
    assert capacity.plan(100_000, 3).monthly < capacity.plan(100_000).monthly
    assert not any("elastic cluster" in limit for limit in capacity.plan(100_000, 3).limits)


def test_a_rate_of_nothing_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["plan", "--tps", "0"]).exit_code == 2
