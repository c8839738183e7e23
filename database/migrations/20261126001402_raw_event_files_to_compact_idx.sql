-- migrate:up transaction:false

-- What compaction asks every hour: files of batches, by day. They leave it within the hour, so that it stays small.
CREATE INDEX CONCURRENTLY raw_event_files_to_compact_idx ON raw_event_files (min_occurred_at) WHERE state = 'active' AND made_by IS NULL;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
