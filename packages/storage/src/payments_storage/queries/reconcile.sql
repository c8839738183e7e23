-- What `payments reconcile` reads, in one snapshot: what a delivery wrote is in all of the tables or in none.

-- begin_snapshot --
-- The limits of the ingest are not for this transaction, which reads for minutes and computes in between.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL TimeZone = 'UTC';
SELECT pg_current_snapshot()

-- files_of_span --
-- The files that count and may have events of the span, which lies within one UTC day; about as they were written.
SELECT
    path, rows, bytes, min_occurred_at, max_occurred_at, event_hub, made_by IS NOT NULL, partition_id,
    first_sequence_number, last_sequence_number
FROM raw_event_files
WHERE state = 'active'
    AND min_occurred_at >= date_trunc('day', %(start)s::timestamptz, 'UTC') AND min_occurred_at < %(end)s
    AND max_occurred_at >= %(start)s
ORDER BY path COLLATE "C"

-- files_known --
-- Which of these paths the manifest has, replaced ones included: somebody may still be reading them.
SELECT path FROM raw_event_files WHERE path = ANY (%(paths)s) AND state <> 'removed'

-- may_read_payloads --
-- Events that count and wait for their archive file, and whether this login may read them.
SELECT count(*), has_column_privilege('failed_items', 'payload', 'SELECT')
FROM failed_items
WHERE stage = 'archive' AND status = 'pending'

-- deferred_events --
-- Those events, as they were delivered.
SELECT event_hub, partition_id, sequence_number, enqueued_at, payload, coalesce((detail ->> 'redactions')::int, 0)
FROM failed_items
WHERE stage = 'archive' AND status = 'pending'
ORDER BY failed_item_id

-- has_partition --
-- Whether the day's own partition is there; without one its rows are in the default partition, or past retention.
SELECT to_regclass(%(parent)s || to_char(%(day)s::date, '_YYYYMMDD')) IS NOT NULL

-- copy_index --
-- A day of the index, in no order.
COPY (
    SELECT event_id, payload_hash, enqueued_on FROM ingested_events
    WHERE occurred_on = %(day)s::date AND enqueued_on >= %(enqueued_from)s::date
) TO STDOUT (FORMAT csv)

-- not_in_index --
-- Those of the events that the index does not have as they are given.
SELECT given.event_id, given.payload_hash, given.enqueued_on, known.payload_hash, known.enqueued_on
FROM unnest(%(event_ids)b::text[]::uuid[], %(payload_hashes)b::bigint[], %(enqueued_on)b::date[])
    AS given (event_id, payload_hash, enqueued_on)
LEFT JOIN ingested_events AS known ON known.event_id = given.event_id AND known.occurred_on = %(day)b::date
WHERE (known.payload_hash, known.enqueued_on) IS DISTINCT FROM (given.payload_hash, given.enqueued_on)

-- ids_of_two_days --
-- Ids that the day before has too: by contract other events (docs/adr/0003), in practice often a producer's mistake.
SELECT count(*), (array_agg(event_id::text))[1:3]
FROM ingested_events AS today
JOIN ingested_events AS before USING (event_id)
WHERE today.occurred_on = %(day)s::date AND before.occurred_on = %(day)s::date - 1

-- copy_metrics --
-- The metrics of a span, in no order. A value that no event can have comes as null.
COPY (
    SELECT
        transaction_id, correlation_id, metric_type,
        CASE WHEN abs(metric_value) < 1e29 AND metric_value = round(metric_value, 9) THEN metric_value END,
        metric_data ->> 'unit', created_at
    FROM dynamic_metrics
    WHERE created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
) TO STDOUT (FORMAT csv)

-- payments --
-- The rows of the span.
SELECT window_start, payment_method, currency, payment_status, total_count, total_amount, min_amount, max_amount
FROM payment_metrics_5m
WHERE window_start >= %(start)s AND window_start < %(end)s

-- histograms --
-- The windows that lie within the span: those of these lengths, or all others. The table has years, and its key begins with the names: they are walked first.
WITH RECURSIVE name AS (
    (SELECT metric_type, event_type FROM aggregate_histograms ORDER BY metric_type, event_type LIMIT 1)
    UNION ALL
    SELECT next.metric_type, next.event_type
    FROM name, LATERAL (
        SELECT metric_type, event_type FROM aggregate_histograms AS after
        WHERE (after.metric_type, after.event_type) > (name.metric_type, name.event_type)
        ORDER BY metric_type, event_type
        LIMIT 1
    ) AS next
)
SELECT
    metric_type, event_type, time_window_start, time_window_end, event_count, sum_value, min_value, max_value, buckets,
    zero_count, negative_buckets
FROM name JOIN aggregate_histograms USING (metric_type, event_type)
WHERE time_window_start >= %(start)s AND time_window_start < %(end)s AND time_window_end <= %(end)s
    AND (time_window_end - time_window_start = ANY (%(lengths)s)) = %(of_these)s

-- sequences --
-- What has been dealt with since the day before, by hub, partition and day: an event may occur a day after it arrived.
SELECT event_hub, partition_id, enqueued_on, sequence_numbers
FROM ingested_sequences
WHERE enqueued_on >= %(day)s::date - 1
ORDER BY event_hub, partition_id, enqueued_on

-- sequence_gaps --
-- What is missing between the last number before the day and the first of the day after, by hub and partition. What was
-- dealt with before may be days ago: where nobody read for so long, the hub is most likely to have deleted something.
SELECT event_hub, partition_id, unnest(int8multirange(int8range(first_number, last_number, '[]')) - sequence_numbers)
FROM (
    SELECT
        event_hub, partition_id, range_agg(sequence_numbers) AS sequence_numbers,
        coalesce(
            max(upper(sequence_numbers) - 1) FILTER (WHERE enqueued_on < %(day)s::date),
            min(lower(sequence_numbers)) FILTER (WHERE enqueued_on = %(day)s::date)
        ) AS first_number,
        coalesce(
            min(lower(sequence_numbers)) FILTER (WHERE enqueued_on = %(day)s::date + 1),
            max(upper(sequence_numbers) - 1) FILTER (WHERE enqueued_on = %(day)s::date)
        ) AS last_number
    FROM ingested_sequences AS known
    WHERE enqueued_on <= %(day)s::date + 1 AND (
        enqueued_on >= %(day)s::date OR enqueued_on = (
            SELECT max(before.enqueued_on) FROM ingested_sequences AS before
            WHERE before.event_hub = known.event_hub AND before.partition_id = known.partition_id
                AND before.enqueued_on < %(day)s::date
        )
    )
    GROUP BY event_hub, partition_id
) AS partition
WHERE first_number <= last_number  -- a hub that was deleted and made again begins anew
ORDER BY 1, 2, 3

-- failed_positions_not_recorded --
-- Events that failed or wait, whose sequence numbers are not among those dealt with.
SELECT failed.event_hub, failed.partition_id, failed.sequence_number, failed.stage
FROM failed_items AS failed
LEFT JOIN ingested_sequences AS known
    ON known.event_hub = failed.event_hub AND known.partition_id = failed.partition_id
    AND known.enqueued_on = (failed.enqueued_at AT TIME ZONE 'UTC')::date
WHERE failed.enqueued_at >= %(start)s AND failed.enqueued_at < %(end)s
    AND NOT coalesce(known.sequence_numbers @> failed.sequence_number, FALSE)
ORDER BY failed.event_hub, failed.partition_id, failed.sequence_number

-- events_of_span --
-- How many events it has.
SELECT coalesce(sum(total_count), 0) FROM payment_metrics_5m
WHERE window_start >= %(start)s AND window_start < %(end)s
