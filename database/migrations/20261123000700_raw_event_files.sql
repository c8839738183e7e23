-- migrate:up

CREATE TABLE raw_event_files (
    path text PRIMARY KEY,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    min_occurred_at timestamptz NOT NULL,
    max_occurred_at timestamptz NOT NULL,
    event_hub text NOT NULL,
    partition_id text NOT NULL,
    first_sequence_number bigint NOT NULL,
    last_sequence_number bigint NOT NULL,
    state text NOT NULL DEFAULT 'active',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT raw_event_files_size_check CHECK (rows > 0 AND bytes > 0),
    CONSTRAINT raw_event_files_sequence_check CHECK (first_sequence_number <= last_sequence_number),
    CONSTRAINT raw_event_files_range_check CHECK (min_occurred_at <= max_occurred_at),
    CONSTRAINT raw_event_files_day_check CHECK (
        date_trunc('day', min_occurred_at AT TIME ZONE 'UTC') = date_trunc('day', max_occurred_at AT TIME ZONE 'UTC')
    )
);

-- Files of a time range. A file holds events of one UTC day, so whoever asks for min_occurred_at from the start of the
-- first day on, and compares max_occurred_at besides, reads the files of those days only.
CREATE INDEX raw_event_files_occurred_at_idx ON raw_event_files (min_occurred_at, max_occurred_at);

COMMENT ON TABLE raw_event_files IS
    'The manifest of the archive: a file in Blob Storage counts only if its row is here.';
COMMENT ON COLUMN raw_event_files.path IS 'Path within the container, from raw_events/ on.';
COMMENT ON COLUMN raw_event_files.bytes IS 'Size of the file.';
COMMENT ON COLUMN raw_event_files.max_occurred_at IS 'Of the latest event; on the same UTC day as the earliest.';
COMMENT ON COLUMN raw_event_files.first_sequence_number IS
    'Lowest of the file''s events; not every number between it and the last is in this file.';
COMMENT ON COLUMN raw_event_files.state IS 'active: part of the archive.';

GRANT SELECT, INSERT, UPDATE ON raw_event_files TO payments_writer;
GRANT SELECT ON raw_event_files TO payments_reader;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
