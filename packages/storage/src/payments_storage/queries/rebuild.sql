-- `payments rebuild`: tables computed anew from the archive, beside those that are there, which they then replace.

-- begin --
-- One moment for everything that is read; the limits of the ingest are not for this transaction.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL TimeZone = 'UTC';
SELECT pg_try_advisory_xact_lock(hashtextextended('payments: rebuild', 0))

-- may_rebuild --
-- Whether this login is a member of payments_operator, or owns all of it anyhow.
SELECT has_table_privilege('rebuilt_files', 'TRUNCATE')

-- without_time_limit --
-- Waiting for locks is limited by lock_for_rebuild().
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL TimeZone = 'UTC'

-- still_ours --
-- Nobody has begun another rebuild since, and nobody can.
SELECT pg_try_advisory_xact_lock(hashtextextended('payments: rebuild', 0))
    AND EXISTS (SELECT FROM rebuilt_files WHERE path = %(mark)s)

-- clear --
-- What an earlier rebuild left.
TRUNCATE rebuilt_payment_metrics_5m, rebuilt_aggregate_histograms, rebuilt_files, rebuilt_deferred

-- note_files --
-- The files of batches in the range, wherever compaction has put their events since.
INSERT INTO rebuilt_files
SELECT path FROM raw_event_files
WHERE made_by IS NULL AND min_occurred_at >= %(start)s AND min_occurred_at < %(end)s
UNION ALL
SELECT %(mark)s

-- note_deferred --
-- Events that count and have no file yet, and were not noted before: noted and read at one moment, some at a time.
WITH noted AS (
    INSERT INTO rebuilt_deferred
    SELECT DISTINCT event_id FROM failed_items
    WHERE stage = 'archive' AND status = 'pending' AND event_id NOT IN (SELECT event_id FROM rebuilt_deferred)
    LIMIT 10000
    RETURNING event_id
)
SELECT payload, enqueued_at FROM failed_items JOIN noted USING (event_id)
WHERE stage = 'archive' AND status = 'pending'

-- new_files --
-- Files of batches in the range that came since; they are noted herewith.
INSERT INTO rebuilt_files
SELECT path FROM raw_event_files
WHERE made_by IS NULL AND min_occurred_at >= %(start)s AND min_occurred_at < %(end)s
    AND path NOT IN (SELECT path FROM rebuilt_files)
RETURNING path

-- known_deferred --
-- Of these events, those that were counted before they had a file.
SELECT event_id::text FROM rebuilt_deferred WHERE event_id = ANY (%(event_ids)b::text[]::uuid[])

-- make_partition --
-- An empty table for the metrics of a day.
SELECT make_rebuilt_partition(%(day)s::date)

-- lock --
-- From here on nobody else writes these tables.
SELECT lock_for_rebuild(%(days)s::date[], %(aggregates)s::text[])

-- swap --
-- What was rebuilt takes the place of what is there.
SELECT swap_rebuilt(%(days)s::date[], %(aggregates)s::text[], %(start)s, %(end)s, %(lengths)s::interval[])

-- payments_differences --
-- Rows of the range that differ, are missing or are too many.
SELECT
    concat_ws(' ', to_char(window_start, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), payment_method, currency, payment_status),
    CASE WHEN now.total_count IS NOT NULL THEN format('%%s payments, %%s', now.total_count, now.total_amount) END,
    CASE WHEN new.total_count IS NOT NULL THEN format('%%s payments, %%s', new.total_count, new.total_amount) END
FROM (SELECT * FROM payment_metrics_5m WHERE window_start >= %(start)s AND window_start < %(end)s) AS now
FULL JOIN rebuilt_payment_metrics_5m AS new USING (window_start, payment_method, currency, payment_status)
WHERE (now.total_count, now.total_amount, now.min_amount, now.max_amount)
    IS DISTINCT FROM (new.total_count, new.total_amount, new.min_amount, new.max_amount)
ORDER BY 1

-- histograms_differences --
-- The same for the windows that lie in the range, of lengths that are in use.
SELECT
    concat_ws(
        ' ', metric_type, event_type, to_char(time_window_start, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        time_window_end - time_window_start
    ),
    CASE WHEN now.event_count IS NOT NULL THEN format('%%s values, %%s', now.event_count, now.sum_value) END,
    CASE WHEN new.event_count IS NOT NULL THEN format('%%s values, %%s', new.event_count, new.sum_value) END
FROM (
    SELECT * FROM aggregate_histograms
    WHERE time_window_start >= %(start)s AND time_window_end <= %(end)s
        AND time_window_end - time_window_start = ANY (%(lengths)s::interval[])
) AS now
FULL JOIN rebuilt_aggregate_histograms AS new
    USING (metric_type, event_type, time_window_start, time_window_end)
WHERE (now.event_count, now.sum_value, now.min_value, now.max_value, now.buckets, now.zero_count, now.negative_buckets)
    IS DISTINCT FROM
    (new.event_count, new.sum_value, new.min_value, new.max_value, new.buckets, new.zero_count, new.negative_buckets)
ORDER BY 1

-- metrics_by_type --
-- Rows of a day and their sum, by kind, in the table or in what is to take its place.
SELECT metric_type, count(*), sum(metric_value)
FROM metrics_table
WHERE created_at >= %(start)s AND created_at < %(end)s
GROUP BY metric_type
ORDER BY metric_type
