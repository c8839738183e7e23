"""What a worker process says to the host. What the host says to it is a `Batch`, or None: no more will come."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loaded:
    """The function app was imported; batches may come."""


@dataclass(frozen=True, slots=True)
class NotLoaded:
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The function returned (`raised` is None) or raised; `seconds` is the time in it, decoding not included."""

    partition: int
    seconds: float
    raised: str | None


@dataclass(frozen=True, slots=True)
class Lost:
    """Said in its place when a worker's connection breaks."""
