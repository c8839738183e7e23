-- migrate:up

CREATE TABLE failed_items (
    failed_item_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stage text NOT NULL,
    error_code text NOT NULL,
    message text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    payload bytea NOT NULL,
    event_hub text NOT NULL,
    partition_id text NOT NULL,
    sequence_number bigint NOT NULL,
    enqueued_at timestamptz NOT NULL,
    event_id uuid,
    transaction_id varchar(255),
    attempts integer NOT NULL DEFAULT 1,
    status text NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    -- A redelivered batch must not write its bad events twice. The enqueue time is part of the position because a hub
    -- that was deleted and created again starts counting anew.
    CONSTRAINT failed_items_position_key UNIQUE (event_hub, partition_id, sequence_number, enqueued_at),
    CONSTRAINT failed_items_stage_check
        CHECK (stage IN ('decode', 'validate', 'claim', 'metrics', 'serialize', 'archive', 'aggregate')),
    CONSTRAINT failed_items_status_check CHECK (status IN ('pending', 'replayed', 'discarded')),
    CONSTRAINT failed_items_attempts_check CHECK (attempts > 0),
    CONSTRAINT failed_items_resolved_check CHECK ((status = 'pending') = (resolved_at IS NULL))
);

-- The on-call's first question: what is pending, for which reason, since when.
CREATE INDEX failed_items_status_idx ON failed_items (status, error_code, created_at);

COMMENT ON TABLE failed_items IS
    'The dead-letter queue: what could not be processed, with its exact bytes, where it came from and why it failed.';
COMMENT ON COLUMN failed_items.stage IS 'The step that failed.';
COMMENT ON COLUMN failed_items.error_code IS 'Stable, for alerts and replays. The message is for people.';
COMMENT ON COLUMN failed_items.detail IS 'What a machine may want to know besides, e.g. {"field": "amount"}.';
COMMENT ON COLUMN failed_items.payload IS 'The body as the Event Hub delivered it. Not readable for payments_reader.';
COMMENT ON COLUMN failed_items.attempts IS 'How often processing was tried, replays included.';
COMMENT ON COLUMN failed_items.status IS 'pending; replayed: processed after all; discarded: given up on purpose.';
COMMENT ON COLUMN failed_items.resolved_at IS 'When it was replayed or discarded.';

GRANT SELECT, INSERT, UPDATE ON failed_items TO payments_writer;
-- All columns but the payload.
GRANT SELECT (
    failed_item_id, stage, error_code, message, detail, event_hub, partition_id, sequence_number, enqueued_at, event_id,
    transaction_id, attempts, status, created_at, updated_at, resolved_at
) ON failed_items TO payments_reader;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
