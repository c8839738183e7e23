"""All settings of the function: those of the pipeline, and its own (docs/settings.md)."""

from pydantic import Field

from payments_storage.pipeline_settings import PipelineSettings


class IngestSettings(PipelineSettings):
    """Read once, when the worker starts."""

    partitions_ahead_days: int = Field(7, ge=1, le=60, description="days for which partitions are made ahead")
    metrics_retention_days: int = Field(90, ge=1, description="days for which dynamic_metrics is kept")
