"""What an answer took, for people."""

from payments_storage.query.explain import Explain

_KB = 1_000


def summary(explain: Explain, seconds: float, *, more: bool) -> str:
    """One line, and what an auditor must know besides."""
    events = f"{explain.events:,} event{'' if explain.events == 1 else 's'}"
    lines = [f"{'The first ' if more else ''}{events} in {seconds:,.2f} s, by {explain.source}."]
    if explain.waiting:
        lines.append(
            f"Besides, {explain.waiting:,} events that may belong to the answer count already and wait for their "
            "archive file: `payments failed list --stage archive`."
        )
    return "\n".join(lines)


def plan(explain: Explain) -> str:
    """Files, row groups and bytes: what was there, what ruled it out, what was read."""
    rows: list[tuple[str, int | None]] = [
        ("files of the archive", explain.files_in_archive),
        ("  of other days", explain.pruned_by_day),
        ("  of other times, by the manifest", explain.pruned_by_times),
        ("  without the transaction, by the metrics", explain.pruned_by_metrics),
        ("  without such events, by their statistics", explain.pruned_by_statistics),
        ("  opened", explain.files_opened),
        ("row groups of these", explain.row_groups),
        ("  ruled out by statistics", explain.row_groups_pruned_by_statistics),
        ("  ruled out by bloom filters", explain.row_groups_pruned_by_bloom_filter),
        ("  without a match: only the columns of the conditions were read", explain.row_groups_without_a_match),
        ("  read", explain.row_groups_read),
        ("repeats dropped", None if explain.files_in_archive is not None else explain.repeats_dropped),
    ]
    lines = [f"{value:>14,}  {name}" for name, value in rows if value is not None]
    share = f", {explain.bytes_read / explain.bytes_of_days:.3%}" if explain.bytes_of_days else ""
    lines.append(
        f"{size_text(explain.bytes_read):>14}  read, of {size_text(explain.bytes_of_days)} of the days asked for{share}"
    )
    return "\n".join(lines)


def size_text(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < _KB:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= _KB
    return f"{count:,.1f} TB"
