-- What a question to the archive asks PostgreSQL. A file is of one UTC day (docs/adr/0003), so each day by itself is exact:
-- compaction swaps files within a day, in one transaction.

-- days --
-- The days that the range touches and that have files: of the whole day how many files, events and bytes.
SELECT
    (min_occurred_at AT TIME ZONE 'UTC')::date AS day, count(*), sum(rows)::bigint, sum(bytes)::bigint
FROM raw_event_files
WHERE state = 'active'
    AND min_occurred_at >= date_trunc('day', coalesce(%(start)s::timestamptz, '-infinity'), 'UTC')
    AND min_occurred_at < coalesce(
        date_trunc('day', %(end)s::timestamptz - interval '1 microsecond', 'UTC') + interval '24 hours', 'infinity'
    )
GROUP BY day
ORDER BY day

-- count_files --
-- How many files the archive has.
SELECT count(*) FROM raw_event_files WHERE state = 'active'

-- waiting --
-- Events that count and wait for their archive file: all of them, and those that may be the ones asked for.
SELECT
    count(*),
    count(*) FILTER (
        WHERE (transaction_id = %(transaction_id)s::text OR %(transaction_id)s::text IS NULL)
            AND (event_id = %(event_id)s::uuid OR %(event_id)s::uuid IS NULL)
    )
FROM failed_items
WHERE stage = 'archive' AND status = 'pending'

-- measured_days --
-- Of each day whose metrics are kept, how many events have the metric `amount`. Where that is every archived event, and
-- none waits for its file, the metrics know when each event of a transaction occurred.
WITH RECURSIVE event_types AS (
    (SELECT event_type FROM aggregate_histograms WHERE metric_type = 'amount' ORDER BY event_type LIMIT 1)
    UNION ALL
    SELECT (
        SELECT next.event_type FROM aggregate_histograms AS next
        WHERE next.metric_type = 'amount' AND next.event_type > event_types.event_type
        ORDER BY next.event_type LIMIT 1
    )
    FROM event_types
    WHERE event_types.event_type IS NOT NULL
)
SELECT day, sum(event_count)::bigint
FROM unnest(%(days)s::date[]) AS day
CROSS JOIN event_types
JOIN aggregate_histograms USING (event_type)
WHERE metric_type = 'amount'
    AND time_window_start = day::timestamp AT TIME ZONE 'UTC'
    AND time_window_end = (day + 1)::timestamp AT TIME ZONE 'UTC'
    AND to_regclass('dynamic_metrics' || to_char(day, '_YYYYMMDD')) IS NOT NULL
GROUP BY day

-- moments_of_transaction --
-- When its events occurred, as far as the metrics are kept: a look into a hash index a day.
SELECT DISTINCT created_at FROM dynamic_metrics WHERE transaction_id = %(transaction_id)s

-- files --
-- The files of a day that may have events of the range, or of these moments where they are known.
SELECT path, rows, bytes, min_occurred_at, max_occurred_at
FROM raw_event_files
WHERE state = 'active'
    AND min_occurred_at >= %(day)s::timestamp AT TIME ZONE 'UTC'
    AND min_occurred_at < least((%(day)s + 1)::timestamp AT TIME ZONE 'UTC', %(end)s::timestamptz)
    AND max_occurred_at >= coalesce(%(start)s::timestamptz, '-infinity')
    AND (%(moments)s::timestamptz[] IS NULL OR EXISTS (
        SELECT FROM unnest(%(moments)s::timestamptz[]) AS moment
        WHERE moment BETWEEN min_occurred_at AND max_occurred_at
    ))
ORDER BY min_occurred_at, path COLLATE "C"

-- still_active --
-- Whether a file that was listed before still counts, or another has taken its place.
SELECT state = 'active' FROM raw_event_files WHERE path = %(path)s
