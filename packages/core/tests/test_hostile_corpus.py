"""Every body of the corpus of hostile bodies gets the verdict under which it is filed, whichever way it is parsed."""

from pathlib import Path

import pytest

from payments_core.errors import ErrorCode
from payments_core.event import Rejection

from .examples import outcome

CORPUS = Path(__file__).parents[3] / "tests/integration/hostile/corpus"
BODIES = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_body_of_the_corpus_gets_the_verdict_that_its_folder_says(path: Path) -> None:
    result = outcome(path.read_bytes())
    assert (result.code.value if isinstance(result, Rejection) else "stored") == path.parent.name


def test_the_corpus_has_every_code_that_one_body_alone_can_get() -> None:
    not_by_itself = {
        ErrorCode.CONFLICTING_DUPLICATE,
        ErrorCode.REFUSED_BY_DATABASE,
        ErrorCode.NOT_PROCESSABLE,
        ErrorCode.ARCHIVE_UNAVAILABLE,
        ErrorCode.REDRIVE_EXHAUSTED,
    }
    codes = {code.value for code in set(ErrorCode) - not_by_itself}
    assert {path.parent.name for path in BODIES} == codes | {"stored"}


def test_no_body_is_in_the_corpus_twice() -> None:
    assert len({path.read_bytes() for path in BODIES}) == len(BODIES)
