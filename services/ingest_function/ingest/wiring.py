"""The parts that live as long as the worker process. Opened by the first invocation, by one thread only."""

from threading import Lock
from types import TracebackType
from typing import Self

from ingest.handler import Handler
from ingest.settings import IngestSettings
from payments_storage.pipeline import Pipeline


class Runtime:
    """Opening waits for the first use: a host that only lists the functions needs no database."""

    def __init__(self, settings: IngestSettings) -> None:
        self.settings = settings
        self._lock = Lock()
        self._pipeline: Pipeline | None = None

    @property
    def pipeline(self) -> Pipeline:
        with self._lock:
            if self._pipeline is None:
                self._pipeline = Pipeline(self.settings)
            return self._pipeline

    @property
    def handler(self) -> Handler:
        return Handler(self.pipeline.intake)

    def close(self) -> None:
        """For tests and commands; in Azure the process ends with everything in it."""
        with self._lock:
            if self._pipeline is not None:
                self._pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
