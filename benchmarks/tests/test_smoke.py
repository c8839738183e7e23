"""That the benchmark runs and measures what it says: for correctness only, no figure is judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.services
def test_the_benchmark_measures_every_section_and_its_books_agree(tmp_path: Path) -> None:
    """A run whose claims, files and payments differ ends with an error."""
    output = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke", "--output", output],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(output.read_text())
    rows = {section["name"]: section["rows"] for section in report["sections"]}
    assert set(rows) == {"throughput and ceiling", "sustained", "latency", "CPU by step", "how cost grows", "peers"}
    assert all(rows[name] for name in rows if name != "sustained"), "sustained is only measured when it is asked for"
    assert all(section["method"] for section in report["sections"])
    assert {row["how"] for row in rows["peers"]} == {"row by row", "executemany", "unnest", "this pipeline"}
    assert all(row["ceiling"] > 0 < row["events_a_second"] for row in rows["throughput and ceiling"])
