-- The statements of the one transaction (docs/architecture.md). Each travels as one call with arrays, in binary:
-- psycopg writes a binary array in C, a text array value by value in Python (measured: a fifth to a fortieth of the time).

-- claim_events --
-- Returns the identities that nobody had; sorted, so that two owners of the same events never deadlock.
INSERT INTO ingested_events (event_id, payload_hash, occurred_on, enqueued_on)
SELECT event_id, payload_hash, occurred_on, enqueued_on
FROM unnest(%(event_ids)b::uuid[], %(payload_hashes)b::bigint[], %(occurred_on)b::date[], %(enqueued_on)b::date[])
    AS claimed (event_id, payload_hash, occurred_on, enqueued_on)
ORDER BY event_id, occurred_on
ON CONFLICT DO NOTHING
RETURNING event_id::text, occurred_on

-- known_payloads --
-- The payload hashes under which these events were claimed.
SELECT known.event_id::text, known.occurred_on, known.payload_hash
FROM unnest(%(event_ids)b::uuid[], %(occurred_on)b::date[]) AS seen (event_id, occurred_on)
JOIN ingested_events AS known USING (event_id, occurred_on)

-- committed_files --
-- Which of these paths belong to the archive already and must not be written again.
SELECT path FROM raw_event_files WHERE path = ANY (%(paths)b)

-- files_of_times --
-- The files that count and may have events of these times, a pair for each day. A file is of one UTC day: docs/adr/0003.
SELECT path, made_by IS NOT NULL
FROM unnest(%(first)b::timestamptz[], %(last)b::timestamptz[]) AS wanted (first, last)
JOIN raw_event_files ON min_occurred_at BETWEEN date_trunc('day', wanted.first, 'UTC') AND wanted.last
    AND max_occurred_at >= wanted.first
WHERE state = 'active'
ORDER BY path

-- files_with_events_of --
-- The files that count and have the events of these files: they themselves, or what compaction made of them.
WITH RECURSIVE heir AS (
    SELECT path, state, made_by, replaced_by FROM raw_event_files WHERE path = ANY (%(paths)b)
    UNION
    SELECT next.path, next.state, next.made_by, next.replaced_by
    FROM heir JOIN raw_event_files AS next ON next.made_by = heir.replaced_by
)
SELECT path, made_by IS NOT NULL FROM heir WHERE state = 'active' ORDER BY path

-- deferred_payloads --
-- Of these events, those that count and still wait for their archive file.
SELECT event_id::text, payload FROM failed_items
WHERE status = 'pending' AND stage = 'archive' AND event_id = ANY (%(event_ids)b::text[]::uuid[])

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
    stage, error_code, message, detail, payload, %(event_hub)b, %(partition_id)b, sequence_number, enqueued_at, event_id,
    transaction_id
FROM unnest(
    %(stages)b::text[], %(error_codes)b::text[], %(messages)b::text[], %(details)b::jsonb[], %(payloads)b::bytea[],
    %(sequence_numbers)b::bigint[], %(enqueued_at)b::timestamptz[], %(event_ids)b::text[]::uuid[],
    %(transaction_ids)b::text[]
) AS failed (
    stage, error_code, message, detail, payload, sequence_number, enqueued_at, event_id, transaction_id
)
ORDER BY sequence_number
ON CONFLICT (event_hub, partition_id, sequence_number, enqueued_at) DO NOTHING

-- defer_archive --
-- Events that count, but whose file must be written later. A position that failed before and was stored now is reused.
INSERT INTO failed_items AS known (
    stage, error_code, message, detail, payload, event_hub, partition_id, sequence_number, enqueued_at, event_id,
    transaction_id, next_attempt_at
)
SELECT
    stage, error_code, message, detail, payload, %(event_hub)b, %(partition_id)b, sequence_number, enqueued_at, event_id,
    transaction_id, now() + interval '1 minute'
FROM unnest(
    %(stages)b::text[], %(error_codes)b::text[], %(messages)b::text[], %(details)b::jsonb[], %(payloads)b::bytea[],
    %(sequence_numbers)b::bigint[], %(enqueued_at)b::timestamptz[], %(event_ids)b::text[]::uuid[],
    %(transaction_ids)b::text[]
) AS deferred (
    stage, error_code, message, detail, payload, sequence_number, enqueued_at, event_id, transaction_id
)
ORDER BY sequence_number
ON CONFLICT (event_hub, partition_id, sequence_number, enqueued_at) DO UPDATE SET
    stage = excluded.stage, error_code = excluded.error_code, message = excluded.message, detail = excluded.detail,
    payload = excluded.payload, event_id = excluded.event_id, transaction_id = excluded.transaction_id,
    next_attempt_at = excluded.next_attempt_at, status = 'pending', resolved_at = NULL, resolved_by = NULL,
    resolution = NULL, attempts = known.attempts + 1, updated_at = now()

-- insert_sequences --
-- Writes nothing when they are known: a redelivery leaves no trace.
INSERT INTO ingested_sequences AS known (event_hub, partition_id, enqueued_on, sequence_numbers)
SELECT %(event_hub)b, %(partition_id)b, enqueued_on, range_agg(int8range(first_number, last_number, '[]'))
FROM unnest(%(enqueued_on)b::date[], %(first_numbers)b::bigint[], %(last_numbers)b::bigint[])
    AS seen (enqueued_on, first_number, last_number)
GROUP BY enqueued_on
ORDER BY enqueued_on
ON CONFLICT (event_hub, partition_id, enqueued_on) DO UPDATE
    SET sequence_numbers = known.sequence_numbers + excluded.sequence_numbers
    WHERE NOT known.sequence_numbers @> excluded.sequence_numbers

-- insert_files --
-- The manifest: a file counts only if its row committed. A name that is known is left as it is, and not counted here.
INSERT INTO raw_event_files (
    path, rows, bytes, min_occurred_at, max_occurred_at, event_hub, partition_id, first_sequence_number,
    last_sequence_number
)
SELECT
    path, rows, bytes, min_occurred_at, max_occurred_at, %(event_hub)b, partition_id, first_sequence_number,
    last_sequence_number
FROM unnest(
    %(paths)b::text[], %(rows)b::bigint[], %(bytes)b::bigint[], %(min_occurred_at)b::timestamptz[],
    %(max_occurred_at)b::timestamptz[], %(partition_ids)b::text[], %(first_sequence_numbers)b::bigint[],
    %(last_sequence_numbers)b::bigint[]
) AS file (
    path, rows, bytes, min_occurred_at, max_occurred_at, partition_id, first_sequence_number, last_sequence_number
)
ON CONFLICT (path) DO NOTHING

-- upsert_payment_metrics_5m --
-- Adds the batch to each window. The rows arrive sorted by key: writers lock them in one order.
INSERT INTO payment_metrics_5m AS total (
    window_start, payment_method, currency, payment_status, total_count, total_amount, min_amount, max_amount
)
SELECT
    window_start, payment_method, currency, payment_status, total_count,
    trim_scale(total_amount), trim_scale(min_amount), trim_scale(max_amount)
FROM unnest(
    %(window_start)b::timestamptz[], %(payment_method)b::text[], %(currency)b::text[], %(payment_status)b::text[],
    %(total_count)b::bigint[], %(total_amount)b::numeric[], %(min_amount)b::numeric[], %(max_amount)b::numeric[]
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
    %(metric_type)b::text[], %(event_type)b::text[], %(time_window_start)b::timestamptz[],
    %(time_window_end)b::timestamptz[], %(event_count)b::bigint[], %(sum_value)b::numeric[], %(min_value)b::numeric[],
    %(max_value)b::numeric[], %(buckets)b::numeric[], %(zero_count)b::bigint[], %(negative_buckets)b::numeric[]
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
