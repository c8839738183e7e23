"""Times come out of Arrow as they went in."""

from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from payments_core.event import TIMESTAMP
from payments_storage.instants import instants


@given(st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))))  # noqa: DTZ001 - bounds have no zone
def test_times_are_those_of_the_column(times: list[datetime]) -> None:
    assert instants(pa.chunked_array([pa.array(times, TIMESTAMP)])) == times
