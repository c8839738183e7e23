-- Where the marked events of a smoke test are (payments_storage/smoke.py). Each statement gives events and their amount,
-- exactly; `payments_reader` may run them all.

-- now --
-- Nothing of a test that begins now is older than this.
SELECT now()

-- ingested_events --
-- Events in the index. It knows no amounts.
SELECT count(*), NULL::numeric
FROM ingested_events
WHERE event_id = ANY(%(event_ids)s::uuid[]) AND occurred_on = (%(moment)s AT TIME ZONE 'UTC')::date

-- dynamic_metrics --
-- Rows of the metric `amount`.
SELECT count(*), coalesce(sum(metric_value), 0)
FROM dynamic_metrics
WHERE transaction_id = ANY(%(transaction_ids)s) AND created_at = %(moment)s AND metric_type = 'amount'

-- payment_metrics_5m --
-- The one row that holds them, for nothing else is paid by their method.
SELECT coalesce(sum(total_count), 0)::bigint, coalesce(sum(total_amount), 0)
FROM payment_metrics_5m
WHERE window_start = date_bin('5 minutes', %(moment)s, '1970-01-01T00:00:00Z')
    AND payment_method = %(mark)s AND currency = %(currency)s

-- aggregate_histograms --
-- Every window length, each of which must hold them all.
SELECT time_window_end - time_window_start AS length, event_count, sum_value
FROM aggregate_histograms
WHERE metric_type = 'amount' AND event_type = %(mark)s
ORDER BY length

-- files --
-- The files of the archive that may hold them: committed since the test began, and spanning their time.
SELECT path
FROM raw_event_files
WHERE state = 'active' AND created_at >= %(since)s
    AND min_occurred_at >= date_trunc('day', %(moment)s, 'UTC') AND min_occurred_at <= %(moment)s
    AND max_occurred_at >= %(moment)s

-- failed --
-- What became of those that were refused: error code, events.
SELECT error_code, count(*)
FROM failed_items
WHERE transaction_id = ANY(%(transaction_ids)s) AND created_at >= %(since)s
GROUP BY error_code
