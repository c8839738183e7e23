-- migrate:up transaction:false

-- What the removal asks every hour: files whose grace period is over.
CREATE INDEX CONCURRENTLY raw_event_files_replaced_idx ON raw_event_files (replaced_at) WHERE state = 'replaced';

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
