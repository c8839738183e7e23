"""`payments events cost`: the bill as a person reads it, as JSON, and with other prices."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from payments.main import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["events", "cost", *arguments])


def test_it_shows_each_year_and_where_the_prices_are_from() -> None:
    result = run("--tps", "10000", "--years", "3")
    assert result.exit_code == 0
    assert "Files as written: 864,000 and 127.0 GB a day" in result.stdout
    assert "Files compacted: 885 and 113.2 GB a day" in result.stdout
    assert "list prices read on 2026-11-26 (not a quote): https://learn.microsoft.com/" in result.stdout
    assert [line.split()[1] for line in result.stdout.splitlines() if line[:1] == "│"] == ["1", "2", "3"] * 2


def test_the_report_as_json_adds_up() -> None:
    report = json.loads(run("--tps", "500", "--json").stdout)
    assert len(report["as written"]["years"]) == len(report["compacted"]["years"]) == 8
    for year in report["compacted"]["years"]:
        parts = sum(float(year[name]) for name in ("writing", "compacting", "moving", "storing"))
        assert abs(parts - float(year["total"])) < 0.03


def test_other_prices_give_another_bill(tmp_path: Path) -> None:
    prices = tmp_path / "ours.toml"
    text = (files("payments_core") / "blob_prices.toml").read_text()
    prices.write_text(text.replace('"0.0208"', '"0.0416"'))
    bills = [json.loads(run("--tps", "500", "--json", *more).stdout) for more in ([], ["--prices", str(prices)])]
    storing = [float(bill["as written"]["years"][0]["storing"]) for bill in bills]
    assert storing[1] > 1.2 * storing[0]


def test_tiers_that_are_left_too_soon_are_said() -> None:
    stdout = run("--tps", "10", "--cool", "30", "--archive", "40", "--delete", "100").stdout
    assert "20 days of the cool tier's minimum are paid for nothing" in stdout
    assert "120 days of the archive tier's minimum are paid for nothing" in stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tps", "1", "--cool", "90"], "must follow each other in time"),
        (["--tps", "1", "--prices", "/no/such.toml"], "--prices /no/such.toml: No such file or directory."),
        (["--tps", "0"], "greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
