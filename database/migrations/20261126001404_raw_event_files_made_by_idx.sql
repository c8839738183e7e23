-- migrate:up transaction:false

-- Where the events of a replaced file are now. One entry a compacted file.
CREATE INDEX CONCURRENTLY raw_event_files_made_by_idx ON raw_event_files (made_by) WHERE made_by IS NOT NULL;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
