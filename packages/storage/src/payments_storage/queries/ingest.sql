-- The statements of the one transaction (docs/architecture.md). Each travels as one call with arrays.

-- claim_events --
-- Returns the ids that nobody had; sorted, so that two owners of the same events never deadlock.
INSERT INTO ingested_events (event_id, payload_hash, occurred_on, enqueued_on)
SELECT event_id, payload_hash, occurred_on, enqueued_on
FROM unnest(%(event_ids)s::text[]::uuid[], %(payload_hashes)s::bigint[], %(occurred_on)s::date[], %(enqueued_on)s::date[])
    AS claimed (event_id, payload_hash, occurred_on, enqueued_on)
ORDER BY event_id
ON CONFLICT DO NOTHING
RETURNING event_id::text

-- known_payloads --
-- The payload hashes under which ids were claimed before.
SELECT known.event_id::text, known.payload_hash
FROM unnest(%(event_ids)s::text[]::uuid[], %(occurred_on)s::date[]) AS seen (event_id, occurred_on)
JOIN ingested_events AS known USING (event_id, occurred_on)

-- committed_files --
-- Which of these paths belong to the archive already and must not be written again.
SELECT path FROM raw_event_files WHERE path = ANY (%(paths)s)

-- copy_metrics --
-- One row for each transaction and metric, in binary.
COPY dynamic_metrics (transaction_id, correlation_id, metric_type, metric_value, metric_data, created_at)
FROM STDIN (FORMAT binary)

-- insert_failed_items --
-- Claimed by position: a redelivered batch does not write its bad events twice.
INSERT INTO failed_items (
    stage, error_code, message, detail, payload, event_hub, partition_id, sequence_number, enqueued_at, event_id,
    transaction_id
)
SELECT
    stage, error_code, message, detail, payload, %(event_hub)s, %(partition_id)s, sequence_number, enqueued_at, event_id,
    transaction_id
FROM unnest(
    %(stages)s::text[], %(error_codes)s::text[], %(messages)s::text[], %(details)s::jsonb[], %(payloads)s::bytea[],
    %(sequence_numbers)s::bigint[], %(enqueued_at)s::timestamptz[], %(event_ids)s::text[]::uuid[],
    %(transaction_ids)s::text[]
) AS failed (
    stage, error_code, message, detail, payload, sequence_number, enqueued_at, event_id, transaction_id
)
ORDER BY sequence_number
ON CONFLICT (event_hub, partition_id, sequence_number, enqueued_at) DO NOTHING

-- insert_files --
-- The manifest: a file counts only if its row committed.
INSERT INTO raw_event_files (
    path, rows, bytes, min_occurred_at, max_occurred_at, event_hub, partition_id, first_sequence_number,
    last_sequence_number
)
SELECT
    path, rows, bytes, min_occurred_at, max_occurred_at, %(event_hub)s, partition_id, first_sequence_number,
    last_sequence_number
FROM unnest(
    %(paths)s::text[], %(rows)s::bigint[], %(bytes)s::bigint[], %(min_occurred_at)s::timestamptz[],
    %(max_occurred_at)s::timestamptz[], %(partition_ids)s::text[], %(first_sequence_numbers)s::bigint[],
    %(last_sequence_numbers)s::bigint[]
) AS file (
    path, rows, bytes, min_occurred_at, max_occurred_at, partition_id, first_sequence_number, last_sequence_number
)

-- upsert_payment_metrics_5m --
-- Adds the batch to each window. The rows arrive sorted by key: writers lock them in one order.
INSERT INTO payment_metrics_5m AS total (
    window_start, payment_method, currency, payment_status, total_count, total_amount, min_amount, max_amount
)
SELECT
    window_start, payment_method, currency, payment_status, total_count,
    trim_scale(total_amount), trim_scale(min_amount), trim_scale(max_amount)
FROM unnest(
    %(window_start)s::timestamptz[], %(payment_method)s::text[], %(currency)s::text[], %(payment_status)s::text[],
    %(total_count)s::bigint[], %(total_amount)s::numeric[], %(min_amount)s::numeric[], %(max_amount)s::numeric[]
) AS added (
    window_start, payment_method, currency, payment_status, total_count, total_amount, min_amount, max_amount
)
ON CONFLICT (window_start, payment_method, currency, payment_status) DO UPDATE SET
    total_count = total.total_count + excluded.total_count,
    total_amount = total.total_amount + excluded.total_amount,
    min_amount = least(total.min_amount, excluded.min_amount),
    max_amount = greatest(total.max_amount, excluded.max_amount),
    updated_at = now()

-- upsert_aggregate_histograms --
-- Adds the batch to each window; the sum of two bucket numbers is the merged histogram.
INSERT INTO aggregate_histograms AS total (
    metric_type, event_type, time_window_start, time_window_end, event_count, sum_value, min_value, max_value, buckets,
    zero_count, negative_buckets
)
SELECT
    metric_type, event_type, time_window_start, time_window_end, event_count,
    trim_scale(sum_value), trim_scale(min_value), trim_scale(max_value), buckets, zero_count, negative_buckets
FROM unnest(
    %(metric_type)s::text[], %(event_type)s::text[], %(time_window_start)s::timestamptz[],
    %(time_window_end)s::timestamptz[], %(event_count)s::bigint[], %(sum_value)s::numeric[], %(min_value)s::numeric[],
    %(max_value)s::numeric[], %(buckets)s::text[]::numeric[], %(zero_count)s::bigint[],
    %(negative_buckets)s::text[]::numeric[]
) AS added (
    metric_type, event_type, time_window_start, time_window_end, event_count, sum_value, min_value, max_value, buckets,
    zero_count, negative_buckets
)
ON CONFLICT (metric_type, event_type, time_window_start, time_window_end) DO UPDATE SET
    event_count = total.event_count + excluded.event_count,
    sum_value = total.sum_value + excluded.sum_value,
    min_value = least(total.min_value, excluded.min_value),
    max_value = greatest(total.max_value, excluded.max_value),
    buckets = total.buckets + excluded.buckets,
    zero_count = total.zero_count + excluded.zero_count,
    negative_buckets = total.negative_buckets + excluded.negative_buckets,
    updated_at = now()
