-- migrate:up

-- Writers wait while this reads the manifest; each waits for ten seconds and then tries again within its budget. (It is
-- not done CONCURRENTLY: that would wait for a second `payments migrate` that waits for this one.)

-- What compaction asks every hour: files of batches, by day. They leave it within the hour, so that it stays small.
CREATE INDEX raw_event_files_to_compact_idx ON raw_event_files (min_occurred_at)
    WHERE state = 'active' AND made_by IS NULL;
-- What the removal asks every hour: files whose grace period is over.
CREATE INDEX raw_event_files_replaced_idx ON raw_event_files (replaced_at) WHERE state = 'replaced';
-- Where the events of a replaced file are now. One entry a compacted file.
CREATE INDEX raw_event_files_made_by_idx ON raw_event_files (made_by) WHERE made_by IS NOT NULL;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
