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


def test_the_documented_limits_and_prices_are_those_of_the_model() -> None:
    text = SCALING.read_text(encoding="utf-8").partition("## Limits and prices")[2].partition("\n## ")[0]
    standard, premium, dedicated = capacity.HUBS
    for figure in (
        f"{standard.each:,.0f} events or 1 MB a second; {standard.units[-1]} a namespace",
        f"{standard.partitions} partitions a hub",
        f"{premium.units[-1]} a namespace, {premium.partitions} partitions a hub",
        f"{dedicated.units[-1]} a cluster, {dedicated.partitions:,} partitions a hub",
        f"{standard.monthly / capacity.HOURS:g} a throughput",
        f"{premium.monthly / capacity.HOURS:g} a processing",
        f"{dedicated.monthly / capacity.HOURS:g} a capacity unit",
        f"{standard.a_million:g} a million events",
        *(f"{cores}: {most:,}" for cores, most in capacity.DISK_WRITES.items() if most < 20_000),
        f"more: {max(capacity.DISK_WRITES.values()):,}",
        f"{capacity.GB_SECOND:f} a GB-second",
        f"{capacity.EXECUTIONS_MILLION:.2f} a million",
        f"{capacity.CORE_HOUR:g} |",
        f"{capacity.DISK_GIB_MONTH:g} |",
        f"{capacity.ARCHIVE.storage} a GB and month, {capacity.ARCHIVE.write} for 10,000 writes",
    ):
        assert figure in text


def test_batches_are_as_large_as_they_were_measured() -> None:
    """docs/performance.md, Latency: two workers."""
    measured = {1_000: 10, 5_000: 68, 10_000: 148}
    for rate, events in measured.items():
        assert capacity.COSTS.events_a_batch(rate / 2) == pytest.approx(events, rel=0.12)
    assert capacity.COSTS.events_a_batch(1) == 1
    assert capacity.COSTS.events_a_batch(50_000) == capacity.COSTS.batch


def test_a_disk_is_bought_whole_and_never_full() -> None:
    disk = next(item for item in capacity.plan(10_000, 27).items if item.name == "PostgreSQL disk")
    assert disk.what.startswith("16,384 GiB for 15.4 TB")
    more = next(item for item in capacity.plan(10_000, 30).items if item.name == "PostgreSQL disk")
    assert more.monthly == 2 * disk.monthly


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
    assert capacity.plan(30_000, 3).monthly < capacity.plan(30_000).monthly
    assert any("elastic cluster" in limit for limit in capacity.plan(30_000).limits)
    assert not any("elastic cluster" in limit for limit in capacity.plan(30_000, 3).limits)


def test_one_server_ends_also_where_its_disk_takes_no_more_writes() -> None:
    assert any("27,319 disk writes a second" in limit for limit in capacity.plan(100_000, 3).limits)


def test_a_rate_of_nothing_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["plan", "--tps", "0"]).exit_code == 2
