"""The benchmark: what the pipeline does in a second, what it costs, and how that grows (docs/performance.md)."""
