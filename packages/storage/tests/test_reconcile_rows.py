"""Comparing rows: digests that miss nothing, and exact differences where they disagree."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from payments_storage.reconcile.compare import unshared
from payments_storage.reconcile.findings import Check
from payments_storage.reconcile.fingerprint import Digest, fingerprints
from payments_storage.reconcile.snapshot import METRIC_ROWS
from payments_storage.reconcile.two_sides import TwoSides

ROW: dict[str, Any] = {
    "transaction_id": "txn-1",
    "correlation_id": "00000000-0000-0000-0000-000000000001",
    "metric_type": "amount",
    "metric_value": Decimal("12.500000000"),
    "unit": "EUR",
    "created_at": datetime(2026, 3, 14, 12, tzinfo=UTC),
}
OTHER: dict[str, Any] = {
    "transaction_id": "txn-2",
    "correlation_id": None,
    "metric_type": "fee",
    "metric_value": Decimal("12.500000001"),
    "unit": None,
    "created_at": datetime(2026, 3, 14, 12, 0, 0, 1, tzinfo=UTC),
}


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), METRIC_ROWS)


def digest(*tables: pa.Table) -> dict[int, tuple[int, int]]:
    result = Digest()
    for each in tables:
        result.add(pa.repeat(pa.scalar(7, pa.int64()), each.num_rows), each)
    return result.by_bucket()


@pytest.mark.parametrize("column", list(ROW))
def test_a_change_in_any_column_is_seen(column: str) -> None:
    first, second = fingerprints(table(ROW, {**ROW, column: OTHER[column]})).to_pylist()
    assert first != second


def test_a_value_of_more_than_64_bits_differs_in_its_high_half_too() -> None:
    high = {**ROW, "metric_value": Decimal(2**64).scaleb(-9) + ROW["metric_value"]}
    first, second = fingerprints(table(ROW, high)).to_pylist()
    assert first != second


def test_values_that_change_places_are_seen() -> None:
    """The sums of each column alone would agree."""
    swapped = ({**ROW, "metric_value": OTHER["metric_value"]}, {**OTHER, "metric_value": ROW["metric_value"]})
    assert digest(table(ROW, OTHER)) != digest(table(*swapped))


def test_neither_order_nor_pieces_nor_slices_matter() -> None:
    rows = [{**ROW, "transaction_id": f"txn-{n}", "metric_value": Decimal(n)} for n in range(300)]
    whole = digest(table(*rows))
    pieces = [table(OTHER, *rows[::-1]).slice(1 + start, 3) for start in range(0, 300, 3)]
    assert digest(*pieces) == whole
    assert whole[7][0] == 300


def test_rows_are_unshared_as_often_as_they_are_too_many() -> None:
    key = ["transaction_id", "metric_type"]
    (result,) = unshared(table(ROW, ROW, ROW, OTHER), table(OTHER, ROW), key)
    assert (result.expected, result.found, result.shared) == ([ROW, ROW], [], 1)
    changed = {**ROW, "unit": None}
    (result,) = unshared(table(ROW, OTHER), table(changed, OTHER), key)
    assert (result.expected, result.found, result.shared) == ([ROW], [changed], 0)
    assert list(unshared(table(ROW, OTHER), table(OTHER, ROW), key)) == []


def by_length(rows: pa.Table) -> pa.Array:
    return pa.array([len(text) for text in rows["transaction_id"].to_pylist()], pa.int64())


def test_only_rows_of_suspect_buckets_are_kept_the_second_time() -> None:
    sides = TwoSides(METRIC_ROWS, ["transaction_id"], by_length)
    long = {**ROW, "transaction_id": "a longer one"}
    sides.expect(table(ROW, OTHER, long))
    sides.find(table(ROW, long))
    check = Check("", limit=9)
    assert sides.suspect(check) == [5]
    sides.expect_again(table(ROW, OTHER, long))
    sides.find_again(table(ROW, long))
    (result,) = sides.unshared()
    assert (result.expected, result.found, check.count) == ([OTHER], [], 0)


def test_more_rows_than_can_be_held_are_counted_and_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments_storage.reconcile.two_sides._ROWS_AT_MOST", 5)
    sides = TwoSides(METRIC_ROWS, ["transaction_id"], by_length)
    sides.expect(table(*({**ROW, "transaction_id": "x" * length} for length in (1, 2, 2, 2, 3, 3, 3, 4))))
    sides.find(table({**ROW, "transaction_id": "yyyy"}))
    check = Check("", limit=9)
    assert sides.suspect(check) == [1, 2]
    assert check.count == 3 + 1
    assert "lower bound" in check.notes[0]
