"""Where real parts are chosen, once for a worker process: settings, pool, archive, parser."""

from concurrent.futures import Executor, ThreadPoolExecutor
from importlib.resources import files
from threading import Lock
from types import TracebackType
from typing import Self

from ingest.handler import Handler
from ingest.settings import IngestSettings
from payments_core.batch import Parser
from payments_core.rules import MetricRule, load_rules
from payments_storage.connect import Pool, open_container, open_pool
from payments_storage.unit_of_work import UnitOfWork


class Runtime:
    """The parts that live as long as the worker process. Opened by the first invocation, by one thread only."""

    def __init__(self, settings: IngestSettings) -> None:
        self.settings = settings
        self._lock = Lock()
        self._pool: Pool | None = None
        self._uploads: Executor | None = None
        self._handler: Handler | None = None

    @property
    def pool(self) -> Pool:
        with self._lock:
            if self._pool is None:
                self._pool = open_pool(self.settings)
            return self._pool

    @property
    def handler(self) -> Handler:
        pool = self.pool
        with self._lock:
            if self._handler is None:
                rules = self._load_rules()
                self._uploads = ThreadPoolExecutor(self.settings.postgres_pool_size, "upload")
                container = open_container(self.settings)
                windows = self.settings.aggregate_windows
                self._handler = Handler(Parser(rules), UnitOfWork(pool, container, self._uploads, rules, windows))
            return self._handler

    def _load_rules(self) -> tuple[MetricRule, ...]:
        file = self.settings.metrics_file or files("payments_core") / "metrics.toml"
        return load_rules(file.read_text(encoding="utf-8"))

    def close(self) -> None:
        """For tests and commands; in Azure the process ends with everything in it."""
        with self._lock:
            if self._uploads is not None:
                self._uploads.shutdown()
            if self._pool is not None:
                self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
