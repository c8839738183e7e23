"""Does work ahead with a few threads, in order, and never more than a bounded number of results ahead."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def ahead(
    pool: ThreadPoolExecutor, work: Callable[[_In], _Out], items: Iterable[_In], most: int
) -> Iterator[tuple[_In, Future[_Out]]]:
    """Each item with its finished work, in the order of the items; `most` are under way or finished at a time."""
    waiting: deque[tuple[_In, Future[_Out]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(work, item)))
        if len(waiting) >= most:
            yield waiting.popleft()
    yield from waiting
