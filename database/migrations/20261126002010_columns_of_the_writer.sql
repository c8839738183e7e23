-- migrate:up
-- contract: no release has changed any other column.

-- What the code changes, and not what says which row it is and when it came: where a failed event came from and since
-- when it is here is evidence. The right to UPDATE a whole table is also the right to LOCK it against everybody, which
-- that to columns is not. SELECT ... FOR UPDATE needs any one column, ON CONFLICT DO UPDATE those that it sets.
REVOKE UPDATE ON failed_items, payment_metrics_5m, aggregate_histograms, ingested_sequences, raw_event_files
    FROM payments_writer;

-- The payload is among them: a later guard may know card data that the earlier one let pass, and masks it.
GRANT UPDATE (
    stage, error_code, message, detail, payload, event_id, transaction_id, attempts, status, updated_at, resolved_at,
    next_attempt_at, resolved_by, resolution
) ON failed_items TO payments_writer;
GRANT UPDATE (total_count, total_amount, min_amount, max_amount, updated_at) ON payment_metrics_5m TO payments_writer;
GRANT UPDATE (
    event_count, sum_value, min_value, max_value, buckets, zero_count, negative_buckets, updated_at
) ON aggregate_histograms TO payments_writer;
GRANT UPDATE (sequence_numbers) ON ingested_sequences TO payments_writer;
GRANT UPDATE (state, replaced_by, replaced_at) ON raw_event_files TO payments_writer;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
