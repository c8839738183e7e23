-- What commands show, and the sums that must agree.

-- counts --
-- The rows of each table, and the events and money that the aggregates speak of.
SELECT
    (SELECT count(*) FROM ingested_events) AS ingested_events,
    (SELECT count(*) FROM dynamic_metrics) AS dynamic_metrics,
    (SELECT count(*) FROM failed_items) AS failed_items,
    (SELECT coalesce(sum(rows), 0)::bigint FROM raw_event_files WHERE state = 'active') AS manifest_rows,
    (SELECT count(*) FROM raw_event_files WHERE state = 'active') AS manifest_files,
    (SELECT count(*) FROM payment_metrics_5m) AS payment_windows,
    (SELECT coalesce(sum(total_count), 0)::bigint FROM payment_metrics_5m) AS payments_counted,
    (SELECT count(*) FROM aggregate_histograms) AS histogram_windows

-- payment_metrics_5m --
-- Every row, as the recomputation from the archive must give it.
SELECT window_start, payment_method, currency, payment_status, total_count, total_amount, min_amount, max_amount
FROM payment_metrics_5m

-- events_by_window_length --
-- The metrics that the histograms counted, for each window length: each must be all of them.
SELECT time_window_end - time_window_start AS length, sum(event_count)::bigint AS metrics
FROM aggregate_histograms
GROUP BY length
ORDER BY length

-- top_payments --
-- The busiest windows.
SELECT window_start, payment_method, currency, payment_status, total_count, total_amount, round(avg_amount, 2) AS avg_amount
FROM payment_metrics_5m
ORDER BY total_count DESC, window_start, payment_method
LIMIT 5

-- top_histograms --
-- Percentiles of the busiest event type over all its hours: a union of windows is a sum of bucket numbers.
SELECT
    metric_type, event_type, sum(event_count)::bigint AS events,
    histogram_quantile(0.50, sum(buckets), sum(zero_count)::bigint, sum(negative_buckets)) AS p50,
    histogram_quantile(0.95, sum(buckets), sum(zero_count)::bigint, sum(negative_buckets)) AS p95,
    histogram_quantile(0.99, sum(buckets), sum(zero_count)::bigint, sum(negative_buckets)) AS p99
FROM aggregate_histograms
WHERE time_window_end - time_window_start = interval '1 hour' AND metric_type <> 'amount'
GROUP BY metric_type, event_type
ORDER BY events DESC, metric_type, event_type
LIMIT 5

-- some_metrics --
-- The metrics of one transaction.
SELECT transaction_id, metric_type, trim_scale(metric_value) AS metric_value, metric_data ->> 'unit' AS unit, created_at
FROM dynamic_metrics
WHERE transaction_id = (SELECT min(transaction_id) FROM dynamic_metrics)
ORDER BY created_at, metric_type
LIMIT 5

-- top_files --
-- The largest files of the archive, as the manifest has them.
SELECT
    split_part(path, '/', 5) AS file, rows, bytes, partition_id AS partition,
    first_sequence_number || ' to ' || last_sequence_number AS sequence_numbers, state
FROM raw_event_files
ORDER BY bytes DESC, path
LIMIT 5

-- events_by_day --
-- What the index remembers.
SELECT occurred_on, count(*) AS events, min(enqueued_on) AS first_enqueued_on, max(enqueued_on) AS last_enqueued_on
FROM ingested_events
GROUP BY occurred_on
ORDER BY events DESC
LIMIT 5

-- failures --
-- Why events failed.
SELECT stage, error_code, count(*) AS events, min(message) AS message
FROM failed_items
GROUP BY stage, error_code
ORDER BY events DESC, error_code

-- failed_bodies --
-- The SHA-256 of each rejected body, once.
SELECT DISTINCT sha256(payload) AS sha256 FROM failed_items

-- arrival_of_hub --
-- When the events of a file arrived, which is one time for all: failed ones have it, and so have names in the archive.
SELECT min(enqueued_at) AS enqueued_at
FROM (
    SELECT enqueued_at FROM failed_items WHERE event_hub = %(event_hub)s
    UNION ALL
    SELECT to_timestamp(substring(path FROM 'events_([0-9]{8}T[0-9]{12})Z_') || '+00', 'YYYYMMDD"T"HH24MISSUSTZH')
    FROM raw_event_files
    WHERE event_hub = %(event_hub)s
) AS known

-- failures_of_hubs --
-- Why events of these hubs failed.
SELECT error_code, count(*) AS events
FROM failed_items
WHERE event_hub = ANY (%(event_hubs)s)
GROUP BY error_code
ORDER BY events DESC, error_code
