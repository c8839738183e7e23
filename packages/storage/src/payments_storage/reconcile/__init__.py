"""Proves for a span of time that the archive, the index, the metrics and the aggregates tell the same story."""
