"""Drops repeats by event id where no manifest says which files count. An id is unique within its day (ADR 0003)."""

import pyarrow as pa

from payments_storage.query.explain import Explain


class Seen:
    """The ids of a day so far: about 100 bytes for each event of the answer."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def begin_day(self) -> None:
        self._ids = set()

    def drop(self, events: pa.Table, explain: Explain) -> pa.Table:
        """Those whose id is seen for the first time."""
        fresh = []
        for event_id in events["event_id"].to_pylist():
            fresh.append(event_id not in self._ids)
            self._ids.add(event_id)
        kept = events.filter(pa.array(fresh, pa.bool_()))
        explain.repeats_dropped += events.num_rows - kept.num_rows
        return kept
