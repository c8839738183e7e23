"""Merges the many small files of a day into few large ones, without a moment at which an event counts twice or not."""
