"""All settings of the function: those that every host of the pipeline has (docs/settings.md)."""

from payments_storage.timers import HostSettings


class IngestSettings(HostSettings):
    """Read once, when the worker starts."""
