-- migrate:up

-- Storage settings: as in payment_metrics_5m. Besides, a row is compressed from 4 kB on and not from 2: a histogram of
-- more than 310 buckets would be unpacked and packed at every update, for five times the time (docs/adr/0005).
CREATE TABLE aggregate_histograms (
    metric_type varchar(100) NOT NULL,
    event_type varchar(100) NOT NULL,
    time_window_start timestamptz NOT NULL,
    time_window_end timestamptz NOT NULL,
    event_count bigint NOT NULL,
    sum_value numeric NOT NULL,
    min_value numeric NOT NULL,
    max_value numeric NOT NULL,
    buckets numeric NOT NULL,
    zero_count bigint NOT NULL,
    negative_buckets numeric NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (metric_type, event_type, time_window_start, time_window_end),
    CONSTRAINT aggregate_histograms_window_check CHECK (time_window_start < time_window_end),
    -- The upper bound is what a bucket can hold: beyond it a count would run over into the next bucket.
    CONSTRAINT aggregate_histograms_count_check CHECK (event_count > 0 AND event_count < 1000000000000),
    CONSTRAINT aggregate_histograms_zero_check CHECK (zero_count BETWEEN 0 AND event_count),
    CONSTRAINT aggregate_histograms_range_check CHECK (min_value <= max_value),
    CONSTRAINT aggregate_histograms_buckets_check CHECK (buckets >= 0 AND negative_buckets >= 0)
) WITH (
    fillfactor = 30, toast_tuple_target = 4080, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000
);

COMMENT ON TABLE aggregate_histograms IS
    'Every metric per event type and window of occurred_at, with its distribution. Additive, and so is a union of '
    'windows: sum every column but min_value and max_value. Windows of several lengths lie side by side; choose one '
    'length, or events count twice. Percentiles: '
    'histogram_quantile(0.95, sum(buckets), sum(zero_count), sum(negative_buckets)).';
COMMENT ON COLUMN aggregate_histograms.time_window_end IS 'Not part of the window. The length is end minus start.';
COMMENT ON COLUMN aggregate_histograms.event_count IS 'How many values: positive, zero and negative.';
COMMENT ON COLUMN aggregate_histograms.buckets IS
    'Distribution of the positive values in one number: the sum of count * 10^(12 i) over buckets i, where bucket i '
    'holds the values in (2^(i/8), 2^((i+1)/8)]. Adding two of them merges them. Read it with histogram_buckets().';
COMMENT ON COLUMN aggregate_histograms.zero_count IS 'Values that are exactly zero.';
COMMENT ON COLUMN aggregate_histograms.negative_buckets IS 'As buckets, of the negative values without their sign.';
COMMENT ON COLUMN aggregate_histograms.updated_at IS 'When a batch was last added; start of its transaction.';

GRANT SELECT, INSERT, UPDATE ON aggregate_histograms TO payments_writer;
GRANT SELECT ON aggregate_histograms TO payments_reader;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
