"""The pure core of payments ingest: bytes in; transactions, metrics and aggregates out.

No clock, no I/O, no cloud and no database here: the same input gives the same output, which is
what makes a redelivered batch harmless.
"""
