-- migrate:up

-- Reads the whole manifest, and holds up nobody.
ALTER TABLE raw_event_files
    VALIDATE CONSTRAINT raw_event_files_state_check,
    VALIDATE CONSTRAINT raw_event_files_replaced_check,
    VALIDATE CONSTRAINT raw_event_files_position_check;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
