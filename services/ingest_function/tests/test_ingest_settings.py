"""The function's own settings: a worker starts with good ones, or says in one line what is wrong with each bad one."""

from datetime import timedelta
from pathlib import Path

import pytest

from ingest.settings import IngestSettings
from payments_storage.settings import SettingsError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
GOOD_RULES = '[[metric]]\nname = "tip"\nfield = "tip.amount"\n'


@pytest.fixture(autouse=True)
def _stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_DSN", "postgresql://ingest@db.invalid/payments")
    monkeypatch.setenv("ARCHIVE_ACCOUNT_URL", "https://account.invalid")
    for name in ("ARCHIVE_CONNECTION_STRING", "METRICS_FILE", "AGGREGATE_WINDOWS"):
        monkeypatch.delenv(name, raising=False)


def complaint(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        IngestSettings.load()
    head, *lines = str(caught.value).splitlines()
    assert head == "The settings cannot be used:"
    (line,) = lines
    return line


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("1h", (HOUR,)),
        ("30s,5m,1d", (timedelta(seconds=30), timedelta(minutes=5), DAY)),
        (" 1d , 1h,1h ", (HOUR, DAY)),
    ],
)
def test_windows_are_read_as_lengths_in_ascending_order(
    monkeypatch: pytest.MonkeyPatch, text: str, lengths: tuple[timedelta, ...]
) -> None:
    monkeypatch.setenv("AGGREGATE_WINDOWS", text)
    assert IngestSettings.load().aggregate_windows == lengths


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("AGGREGATE_WINDOWS", "1m,5", "'5' is not a length such as 30s, 5m, 1h or 1d"),
        ("AGGREGATE_WINDOWS", "1m,,5m", "'' is not a length such as 30s, 5m, 1h or 1d"),
        ("AGGREGATE_WINDOWS", "0s", "windows must be whole seconds, at least one"),
        ("AGGREGATE_WINDOWS", "1m,90s", "a window of 0:01:30 cannot be made of windows of 0:01:00"),
        ("PARTITIONS_AHEAD_DAYS", "0", "Input should be greater than or equal to 1"),
        ("PARTITIONS_AHEAD_DAYS", "61", "Input should be less than or equal to 60"),
        ("DEDUP_WINDOW_DAYS", "7", "Input should be greater than or equal to 8"),
        ("METRICS_RETENTION_DAYS", "7", "Input should be greater than or equal to 8"),
        ("METRICS_RETENTION_DAYS", "soon", "Input should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_the_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    assert complaint(monkeypatch, name, value) == f"  {name} = {value!r}: {reason}"


def test_a_file_of_metric_rules_is_checked_at_start_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "metrics.toml"
    assert f"METRICS_FILE = {str(file)!r}: [Errno 2]" in complaint(monkeypatch, "METRICS_FILE", str(file))
    file.write_text('[[metric]]\nname = "tip"\n')
    assert "metric rule 1 ('tip'): field must be a path" in complaint(monkeypatch, "METRICS_FILE", str(file))
    file.write_bytes(b"\xff")
    assert "can't decode byte" in complaint(monkeypatch, "METRICS_FILE", str(file))
    file.write_text(GOOD_RULES)
    assert IngestSettings.load().metrics_file == file
