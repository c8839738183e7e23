"""Measures what docs/rebuild.md says: aggregates and metrics computed anew, and a lost database filled again."""

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.query.command import payments
from benchmarks.query.store import opened


def main() -> None:
    arguments = _arguments()
    now = datetime.now(UTC)
    first, after = (now - timedelta(hours=1)).date(), now.date() + timedelta(days=1)
    days = ("--from", f"{first}", "--to", f"{after}")
    with opened() as store, tempfile.TemporaryDirectory() as folder:
        bodies = str(Path(folder) / "events.ndjson")
        shares = ("--late", "0", "--duplicates", "0", "--malformed", "0")
        span = ("--end", f"{now:%Y-%m-%dT%H:%M:%SZ}", "--span", "1h")
        payments(store, "produce", "--events", f"{arguments.events}", *span, *shares, "--output", bodies)
        payments(store, "ingest", bodies)
        _say("rebuild, files of batches", payments(store, "rebuild", *days))
        _say("compact", payments(store, "events", "compact"))
        _say("rebuild, compacted", payments(store, "rebuild", *days))
        aggregates = ("--table", "payment_metrics_5m", "--table", "aggregate_histograms")
        _say("rebuild of aggregates, compacted", payments(store, "rebuild", *days, *aggregates))
        lost = store.with_database("lost")
        _say("lost database, compacted", payments(lost, "rebuild", "--lost-database", *days, "--event-hub", "payments"))


def _say(what: str, found: tuple[dict[str, Any], dict[str, Any]]) -> None:
    report, figures = found
    events = report["events"]
    each = {"CPU us an event": round(1e6 * figures["CPU s"]["the command"] / max(1, events), 1)}
    found_ = {"what": what, "events": events, "events/s": round(events / figures["s"]), **each, **figures}
    sys.stdout.write(json.dumps(found_) + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
