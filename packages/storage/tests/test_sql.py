"""SQL files are sections by name; every statement the code asks for is there, and nothing else is."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

import payments_storage
from payments_storage.sql import load_queries

PACKAGE = Path(payments_storage.__file__).parent
FILES = sorted(path.stem for path in (PACKAGE / "queries").glob("*.sql"))


def test_a_section_is_what_stands_between_its_name_and_the_next() -> None:
    queries = load_queries("maintenance")
    assert list(queries)[:3] == ["without_time_limit", "ensure_partitions", "drop_expired_partitions"]
    assert queries["ensure_partitions"].endswith("SELECT * FROM ensure_partitions(%(first)s::date, %(last)s::date)")


@pytest.mark.parametrize("name", FILES)
def test_each_section_opens_with_what_it_guarantees_and_has_a_statement(name: str) -> None:
    queries = load_queries(name)
    assert queries
    for section, text in queries.items():
        comment, statement = text.split("\n", 1)
        assert comment.startswith("-- "), section
        assert statement.strip(), section


def test_no_section_stands_twice_in_a_file() -> None:
    for file in (files("payments_storage") / "queries").iterdir():
        names = re.findall(r"^-- (\w+) --$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(names) == len(set(names)), file.name


def test_each_statement_is_used_and_each_that_is_used_is_there() -> None:
    """report.sql is asked for by the names that commands give."""
    there = {(file, section) for file in FILES if file != "report" for section in load_queries(file)}
    used: set[tuple[str, str]] = set()
    for source in PACKAGE.rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        for file in re.findall(r'load_queries\("(\w+)"\)', text):
            used |= {(file, section) for section in load_queries(file) if f'"{section}"' in text}
            assert set(re.findall(r'_SQL\["(\w+)"\]', text)) <= set(load_queries(file)), source.name
    assert used == there
