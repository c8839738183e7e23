-- migrate:up

-- Every batch adds to the rows of the current windows. Four writers leave up to four versions of a row that cannot be
-- cleared yet; with 70 % of each page free they fit beside it, and an update touches no index (measured with
-- aggregate_histograms: docs/adr/0005). Vacuum counts dead rows, not a share of a table that is mostly history.
CREATE TABLE payment_metrics_5m (
    window_start timestamptz NOT NULL,
    payment_method varchar(100) NOT NULL,
    currency varchar(3) NOT NULL,
    payment_status varchar(100) NOT NULL,
    total_count bigint NOT NULL,
    total_amount numeric NOT NULL,
    avg_amount numeric GENERATED ALWAYS AS (total_amount / total_count) STORED,
    min_amount numeric NOT NULL,
    max_amount numeric NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (window_start, payment_method, currency, payment_status),
    CONSTRAINT payment_metrics_5m_window_check
        CHECK (window_start = date_bin('5 minutes', window_start, '1970-01-01 00:00:00+00')),
    CONSTRAINT payment_metrics_5m_count_check CHECK (total_count > 0),
    CONSTRAINT payment_metrics_5m_range_check CHECK (min_amount <= max_amount)
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

COMMENT ON TABLE payment_metrics_5m IS
    'Payments per window of five minutes of occurred_at, method, currency and status. Additive: a batch is added once, '
    'in the transaction that claims its events.';
COMMENT ON COLUMN payment_metrics_5m.window_start IS 'Start of the five minutes, which do not contain their end.';
COMMENT ON COLUMN payment_metrics_5m.total_amount IS 'Exact sum, in the currency''s major unit.';
COMMENT ON COLUMN payment_metrics_5m.avg_amount IS
    'Computed from the sum and the count. For several windows divide the sums: averages do not add up.';
COMMENT ON COLUMN payment_metrics_5m.updated_at IS 'When a batch was last added; start of its transaction.';

GRANT SELECT, INSERT, UPDATE ON payment_metrics_5m TO payments_writer;
GRANT SELECT ON payment_metrics_5m TO payments_reader;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
