-- migrate:up

-- An entry that only waits for a service to come back has a time at which the redrive tries it again; without one it
-- waits for a person. Who ended it, and why, is kept for the audit.
ALTER TABLE failed_items
    ADD COLUMN next_attempt_at timestamptz,
    ADD COLUMN resolved_by text,
    ADD COLUMN resolution text,
    ADD CONSTRAINT failed_items_next_attempt_check CHECK (next_attempt_at IS NULL OR status = 'pending'),
    ADD CONSTRAINT failed_items_discarded_check CHECK (status <> 'discarded' OR coalesce(resolution, '') <> '');

-- The redrive's question, every minute. Nearly always empty.
CREATE INDEX failed_items_next_attempt_idx ON failed_items (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

COMMENT ON COLUMN failed_items.next_attempt_at IS
    'When the redrive tries it again by itself. NULL: only a person does (payments failed replay).';
COMMENT ON COLUMN failed_items.resolved_by IS 'Who replayed or discarded it: a login, or redrive.';
COMMENT ON COLUMN failed_items.resolution IS 'Why it was discarded.';

GRANT SELECT (next_attempt_at, resolved_by, resolution) ON failed_items TO payments_reader;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
