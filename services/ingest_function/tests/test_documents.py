"""What is written about the function is what it is: settings, error codes, host.json, pinned requirements."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.settings import IngestSettings
from payments_core import normalize
from payments_core.errors import ErrorCode, Stage

SERVICE = Path(__file__).parents[1]
ROOT = SERVICE.parents[1]


def tables(file: Path) -> list[list[list[str]]]:
    """The tables of a Markdown file, each as its rows without the head, each row as its cells."""
    found = re.findall(r"^\|[- |]+\|\n((?:\|.*\n)+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return [[[cell.strip() for cell in line.strip("|").split("|")] for line in rows.splitlines()] for rows in found]


def code(cell: str) -> list[str]:
    """The texts in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


class TestSettings:
    DOCUMENT = ROOT / "docs/settings.md"

    def test_the_first_table_lists_exactly_the_settings_of_the_function(self) -> None:
        ours, _, _ = tables(self.DOCUMENT)
        assert sorted(code(name)[0] for name, _, _ in ours) == sorted(map(str.upper, IngestSettings.model_fields))

    def test_each_default_is_the_one_in_the_code(self) -> None:
        ours, _, _ = tables(self.DOCUMENT)
        for name, default, _ in ours:
            field = IngestSettings.model_fields[code(name)[0].lower()]
            if field.is_required():
                assert default == "required", name
            elif field.default is None:
                assert not code(default) or code(default) == ["payments_core"], name
            elif field.annotation is int or isinstance(field.default, str):
                assert code(default) == [str(field.default)], name
            else:
                (text,) = code(default)
                assert IngestSettings._windows(text) == field.default, name

    def test_each_bound_is_named(self) -> None:
        ours, _, _ = tables(self.DOCUMENT)
        meanings = {code(name)[0].lower(): meaning for name, _, meaning in ours}
        limits = {
            "postgres_pool_size": "1 to 50",
            "partitions_ahead_days": "1 to 60",
            "retry_budget_seconds": "1 to 100",
        }
        for name, words in limits.items():
            low, high = (int(word) for word in words.split(" to "))
            bounds = IngestSettings.model_fields[name].metadata
            assert [bound.ge for bound in bounds if hasattr(bound, "ge")] == [low]
            assert [bound.le for bound in bounds if hasattr(bound, "le")] == [high]
            assert words in meanings[name]

    def test_the_second_table_lists_what_the_host_reads_for_the_bindings(self) -> None:
        _, hosts, _ = tables(self.DOCUMENT)
        listed = {name.split("__")[0] for cell, _ in hosts for name in code(cell)}
        source = (SERVICE / "function_app.py").read_text()
        bound = {*re.findall(r"%(\w+)%", source), *re.findall(r'connection="(\w+)"', source)}
        assert listed >= bound | {"AzureWebJobsStorage"}
        assert not {name.lower() for name in listed} & set(IngestSettings.model_fields)

    def test_the_third_table_lists_what_only_commands_read(self) -> None:
        _, _, commands = tables(self.DOCUMENT)
        sources = "".join(file.read_text() for file in (ROOT / "packages/cli/src").rglob("*.py"))
        for cell, _ in commands:
            (name,) = code(cell)
            assert f'"{name}"' in sources
            assert name.lower() not in IngestSettings.model_fields

    def test_the_example_for_local_runs_sets_nothing_else(self) -> None:
        values = json.loads((SERVICE / "local.settings.example.json").read_text())["Values"]
        listed = {name for table in tables(self.DOCUMENT) for row in table for name in code(row[0])}
        assert set(values) - listed == {"FUNCTIONS_WORKER_RUNTIME"}


BEYOND_ONE_BODY = {
    ErrorCode.CONFLICTING_DUPLICATE: "claim",
    ErrorCode.REFUSED_BY_DATABASE: "claim, metrics, archive, aggregate",
    ErrorCode.NOT_PROCESSABLE: "decode, metrics, serialize, archive, aggregate",
    ErrorCode.ARCHIVE_UNAVAILABLE: "archive",
    ErrorCode.REDRIVE_EXHAUSTED: "claim",
}


def stage_of(error_code: ErrorCode) -> str:
    if error_code in BEYOND_ONE_BODY:
        return BEYOND_ONE_BODY[error_code]
    return (Stage.DECODE if error_code in normalize._DECODE_CODES else Stage.VALIDATE).value


def test_each_error_code_is_listed_with_its_stage_and_its_meaning() -> None:
    (listed,) = tables(ROOT / "docs/error-codes.md")
    expected = [[stage_of(error), f"`{error.value}`", error.meaning] for error in ErrorCode]
    assert listed == expected


class TestHostJson:
    HOST: dict[str, Any] = json.loads((SERVICE / "host.json").read_text())

    def leaves(self, value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key, below in value.items():
                yield from self.leaves(below, f"{path}.{key}".lstrip("."))
        else:
            yield path, value

    @pytest.fixture
    def reasons(self) -> dict[str, list[str]]:
        """Key -> value, default, reason."""
        rows = tables(SERVICE / "README.md")[-1]
        return {code(key)[0]: rest for key, *rest in rows}

    def test_each_key_has_its_reason_and_each_reason_its_key(self, reasons: dict[str, list[str]]) -> None:
        keys = [path for path, _ in self.leaves(self.HOST) if path != "version"]
        for path in keys:
            assert [key for key in reasons if path == key or path.startswith(f"{key}.")], f"{path} has no row"
        for key in reasons:
            assert [path for path in keys if path == key or path.startswith(f"{key}.")], f"{key} is not set"

    def test_a_figure_is_the_one_that_is_set_and_not_the_default(self, reasons: dict[str, list[str]]) -> None:
        figures = {path: value for path, value in self.leaves(self.HOST) if isinstance(value, int) and value > 1}
        assert {key: int(reasons[key][0]) for key in figures} == figures
        assert not {key for key, figure in figures.items() if reasons[key][1] == str(figure)}
        assert self.HOST["functionTimeout"] == "00:05:00"
        assert reasons["functionTimeout"][:2] == ["5 min", "30 min"]

    def test_more_events_are_prefetched_than_one_batch_takes(self) -> None:
        hub = self.HOST["extensions"]["eventHubs"]
        assert hub["prefetchCount"] > hub["maxEventBatchSize"]


class TestRequirements:
    TEXT = (SERVICE / "requirements.txt").read_text()
    PINS = re.findall(r"^([a-z0-9-]+)==", TEXT, re.MULTILINE)

    def test_each_is_pinned_with_its_hashes(self) -> None:
        for requirement in re.split(r"\n(?=[a-z])", self.TEXT)[1:]:
            head, *rest = requirement.splitlines()
            assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; .+)? \\", head), head
            assert re.match(r"    --hash=sha256:[0-9a-f]{64}( \\)?$", rest[0]), head

    def test_they_name_no_host_and_no_path(self) -> None:
        assert not re.search(r"https?:|file:|--(extra-)?index|--find-links| @ |^-e ", self.TEXT, re.MULTILINE)

    def test_they_hold_all_that_our_packages_ask_for(self) -> None:
        lines = (SERVICE / "requirements.in").read_text().splitlines()
        asked = [line for line in lines if line and not line.startswith("#")]
        for package in ("core", "storage"):
            project = tomllib.loads((ROOT / f"packages/{package}/pyproject.toml").read_text())["project"]
            asked += project["dependencies"]
        names = {re.split(r"[\[<>=]", text)[0].strip() for text in asked}
        assert names - set(self.PINS) == {"payments-core"}, "our own packages are deployed as source"
