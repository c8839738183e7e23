"""The settings that decide what the pipeline makes of an event, besides where the stores are."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from payments_core.aggregates import DEFAULT_WINDOWS, check_windows
from payments_core.rules import RulesError, load_rules
from payments_storage.settings import StorageSettings

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class PipelineSettings(StorageSettings):
    """Of the function app, and of commands that do the function's work (docs/settings.md)."""

    metrics_file: Path | None = Field(None, description="metric rules (TOML); unset, those of payments_core are used")
    aggregate_windows: Annotated[tuple[timedelta, ...], NoDecode] = Field(
        DEFAULT_WINDOWS, description="window lengths of aggregate_histograms, such as 1m,5m,1h,1d"
    )
    dedup_window_days: int = Field(8, ge=8, description="days for which event ids are kept; Event Hubs keeps 7 at most")
    retry_budget_seconds: int = Field(
        60, ge=1, le=100, description="how long a delivery is tried again; the function's time limit is 300 seconds"
    )
    keys_per_delivery: int = Field(
        500, ge=100, le=1_000_000, description="event types by shortest windows that one delivery may touch at once"
    )

    @field_validator("aggregate_windows", mode="before")
    @classmethod
    def _windows(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        lengths = []
        for part in value.split(","):
            match = re.fullmatch(r"\s*([0-9]{1,6})([smhd])\s*", part)
            if match is None:
                raise ValueError(f"{part.strip()!r} is not a length such as 30s, 5m, 1h or 1d")
            lengths.append(timedelta(**{_UNITS[match[2]]: int(match[1])}))
        return check_windows(tuple(lengths))

    @field_validator("metrics_file")
    @classmethod
    def _rules(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                load_rules(value.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, RulesError) as error:
                raise ValueError(str(error)) from None
        return value
