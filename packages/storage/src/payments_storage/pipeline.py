"""All parts of the pipeline put together from its settings: for the function app and for commands alike."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.resources import files
from types import TracebackType
from typing import Self

from pyarrow.fs import FileSystem

from payments_core.batch import Parser
from payments_core.rules import load_rules
from payments_storage.archive_dataset import open_file_system
from payments_storage.archive_memory import ArchiveMemory
from payments_storage.connect import container_answers, database_answers, open_container, open_pool
from payments_storage.dead_letters import DeadLetters
from payments_storage.deferred_archive import DeferredArchive
from payments_storage.intake import Intake
from payments_storage.pipeline_settings import PipelineSettings
from payments_storage.redrive import Redrive
from payments_storage.unit_of_work import UnitOfWork


class Pipeline:
    """Opens on construction, closes as a context manager or by `close`."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        rules_file = settings.metrics_file or files("payments_core") / "metrics.toml"
        self.rules = load_rules(rules_file.read_text(encoding="utf-8"))
        self.windows = settings.aggregate_windows
        self.pool = open_pool(settings)
        self.container = open_container(settings)
        self.dead_letters = DeadLetters(open_container(settings, settings.dead_letter_container))
        self.parser = Parser(self.rules)
        self._uploads = ThreadPoolExecutor(settings.postgres_pool_size, "upload")
        self.unit_of_work = UnitOfWork(self.pool, self.container, self._uploads, self.rules, self.windows)
        self.intake = Intake(
            self.parser,
            self.unit_of_work,
            ArchiveMemory(self.pool, self.container),
            self.dead_letters,
            budget_seconds=settings.retry_budget_seconds,
            keys_at_most=settings.keys_per_delivery,
            dedup_window_days=settings.dedup_window_days,
        )
        self.deferred_archive = DeferredArchive(self.pool, self.container, self.parser)
        self.redrive = Redrive(self.intake, self.dead_letters, self.deferred_archive, self.services_answer)

    @cached_property
    def file_system(self) -> FileSystem:
        """The account of the archive, for pyarrow."""
        return open_file_system(self._settings)

    def services_answer(self) -> bool:
        """Whether both stores can be reached at all."""
        return database_answers(self.pool) and container_answers(self.container)

    def close(self) -> None:
        self._uploads.shutdown()
        self.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
