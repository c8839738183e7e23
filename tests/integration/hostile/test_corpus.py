"""The whole corpus in one batch: good bodies are stored, bad ones quarantined, a second delivery changes nothing."""

from random import Random

from ..system import System, without_files  # noqa: TID252 - test modules have no importable root
from .hostile_books import HostileBooks, arrived, corpus


def test_the_corpus_goes_through_in_one_batch_and_each_body_gets_the_verdict_of_its_folder(
    hostile_system: System,
) -> None:
    verdicts = {text: name.partition("/")[0] for name, text in corpus().items()}
    mixed = list(verdicts)
    Random(1).shuffle(mixed)  # noqa: S311 - the same in every run
    batch = arrived(mixed)
    books = HostileBooks()
    books.deliver(batch)

    outcome = hostile_system.deliver(batch)

    good = sum(verdict == "stored" for verdict in verdicts.values())
    assert (outcome.archived, outcome.failed, outcome.duplicates) == (good, len(batch) - good, 0)
    assert without_files(hostile_system.state()) == books.state()
    items = hostile_system.rows("SELECT payload, error_code FROM failed_items")
    assert {text: code for text, code in items} == {text: code for text, code in verdicts.items() if code != "stored"}  # noqa: C416
    before = hostile_system.dump()
    again = hostile_system.deliver(batch)
    assert (again.archived, again.duplicates, again.failed, again.failed_before) == (0, good, 0, outcome.failed)
    assert hostile_system.dump() == before
