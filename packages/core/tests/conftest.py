"""Hypothesis draws the same examples in every run: a red test is red for everybody."""

from hypothesis import settings

settings.register_profile("the same every time", derandomize=True, deadline=None, database=None, max_examples=100)
settings.load_profile("the same every time")
