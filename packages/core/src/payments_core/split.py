"""What is common first: where a producer decides how many different keys a batch has, and each of them is dear."""

import pyarrow as pa
import pyarrow.compute as pc


def split_by_most(events: pa.Table, keys: pa.Array, at_most: int) -> tuple[pa.Table, pa.Table]:
    """The events of the keys that have most of them, so many keys at most, and the others; in their order.

    `keys` has one for each event. Among keys with as many events, those that come first are taken.
    """
    counts = pc.value_counts(keys)
    if len(counts) <= at_most:
        return events, events.slice(0, 0)
    most = counts.take(pc.sort_indices(counts.field("counts"), sort_keys=[("", "descending")])[:at_most])
    chosen = pc.is_in(keys, most.field("values"))
    return events.filter(chosen), events.filter(pc.invert(chosen))
