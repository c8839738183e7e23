-- migrate:up

-- Compaction writes the events of many files into few. Both kinds are in the manifest: what counts is 'active'. New
-- columns may be null and new constraints are not validated here, so that the lock is held for a moment only.
ALTER TABLE raw_event_files
    ALTER COLUMN partition_id DROP NOT NULL,
    ALTER COLUMN first_sequence_number DROP NOT NULL,
    ALTER COLUMN last_sequence_number DROP NOT NULL,
    ADD COLUMN made_by uuid,
    ADD COLUMN replaced_by uuid,
    ADD COLUMN replaced_at timestamptz,
    ADD CONSTRAINT raw_event_files_state_check CHECK (state IN ('active', 'replaced', 'removed')) NOT VALID,
    ADD CONSTRAINT raw_event_files_replaced_check CHECK (
        (state = 'active') = (replaced_by IS NULL) AND (state = 'active') = (replaced_at IS NULL)
    ) NOT VALID,
    ADD CONSTRAINT raw_event_files_position_check CHECK (
        num_nulls(partition_id, first_sequence_number, last_sequence_number)
        = CASE WHEN made_by IS NULL THEN 0 ELSE 3 END
    ) NOT VALID;

COMMENT ON COLUMN raw_event_files.state IS
    'active: part of the archive. replaced: its events are in the files that replaced_by made; it lies there for readers '
    'that had begun. removed: the file is gone; its name is kept, for a delivery must not write it again.';
COMMENT ON COLUMN raw_event_files.partition_id IS
    'Null in a compacted file, which has events of many partitions: each row has its own.';
COMMENT ON COLUMN raw_event_files.made_by IS 'The compaction that wrote it; null for the file of a batch.';
COMMENT ON COLUMN raw_event_files.replaced_by IS 'The compaction whose files (made_by) have its events now.';

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
