-- migrate:up
-- contract: nothing goes; failed_items has every column, key and grant that the release before this one uses.

-- One partition a month of enqueued_at: the only time that the position has, and a unique key must contain the column
-- that partitions. Entries that are here stay where they are, in the partition of this month, which then reaches back
-- to the oldest: nothing is copied. Whoever writes or reads failed_items waits while its new key is built and the old
-- table is read once (measured in docs/adr/0027); each waits for ten seconds and then tries again within its budget.
ALTER TABLE failed_items RENAME TO failed_items_before;
ALTER SEQUENCE failed_items_failed_item_id_seq RENAME TO failed_items_before_failed_item_id_seq;
ALTER TABLE failed_items_before RENAME CONSTRAINT failed_items_position_key TO failed_items_before_position_key;
ALTER INDEX failed_items_status_idx RENAME TO failed_items_before_status_idx;
ALTER INDEX failed_items_next_attempt_idx RENAME TO failed_items_before_next_attempt_idx;
ALTER TABLE failed_items_before DROP CONSTRAINT failed_items_pkey;
REVOKE ALL ON failed_items_before FROM payments_writer, payments_reader;

CREATE TABLE failed_items (
    failed_item_id bigint GENERATED ALWAYS AS IDENTITY,
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
    next_attempt_at timestamptz,
    resolved_by text,
    resolution text,
    -- The number alone is unique because nobody can give one: GENERATED ALWAYS.
    PRIMARY KEY (failed_item_id, enqueued_at),
    -- A redelivered batch must not write its bad events twice. The enqueue time is part of the position because a hub
    -- that was deleted and created again starts counting anew.
    CONSTRAINT failed_items_position_key UNIQUE (event_hub, partition_id, sequence_number, enqueued_at),
    CONSTRAINT failed_items_stage_check
        CHECK (stage IN ('decode', 'validate', 'claim', 'metrics', 'serialize', 'archive', 'aggregate')),
    CONSTRAINT failed_items_status_check CHECK (status IN ('pending', 'replayed', 'discarded')),
    CONSTRAINT failed_items_attempts_check CHECK (attempts > 0),
    CONSTRAINT failed_items_resolved_check CHECK ((status = 'pending') = (resolved_at IS NULL)),
    CONSTRAINT failed_items_next_attempt_check CHECK (next_attempt_at IS NULL OR status = 'pending'),
    CONSTRAINT failed_items_discarded_check CHECK (status <> 'discarded' OR coalesce(resolution, '') <> '')
) PARTITION BY RANGE (enqueued_at);

-- The on-call's first question: what is pending, for which reason, since when.
CREATE INDEX failed_items_status_idx ON failed_items (status, error_code, created_at);
-- The redrive's question, every minute. Nearly always empty.
CREATE INDEX failed_items_next_attempt_idx ON failed_items (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

CREATE TABLE failed_items_default PARTITION OF failed_items DEFAULT;

COMMENT ON TABLE failed_items IS
    'The dead-letter queue: what could not be processed, with its exact bytes, where it came from and why it failed. '
    'One partition a month of enqueued_at, made by ensure_failed_items_partitions(), dropped by '
    'drop_expired_failed_items().';
COMMENT ON TABLE failed_items_default IS 'Entries of months that have no partition yet.';
COMMENT ON COLUMN failed_items.stage IS 'The step that failed.';
COMMENT ON COLUMN failed_items.error_code IS 'Stable, for alerts and replays. The message is for people.';
COMMENT ON COLUMN failed_items.detail IS 'What a machine may want to know besides, e.g. {"field": "amount"}.';
COMMENT ON COLUMN failed_items.payload IS 'The body as the Event Hub delivered it. Not readable for payments_reader.';
COMMENT ON COLUMN failed_items.attempts IS 'How often processing was tried, replays included.';
COMMENT ON COLUMN failed_items.status IS 'pending; replayed: processed after all; discarded: given up on purpose.';
COMMENT ON COLUMN failed_items.resolved_at IS
    'When it was replayed or discarded. Retention counts from here: a month goes when all of it was resolved long ago.';
COMMENT ON COLUMN failed_items.next_attempt_at IS
    'When the redrive tries it again by itself. NULL: only a person does (payments failed replay).';
COMMENT ON COLUMN failed_items.resolved_by IS 'Who replayed or discarded it: a login, or redrive.';
COMMENT ON COLUMN failed_items.resolution IS 'Why it was discarded.';

GRANT SELECT, INSERT, UPDATE ON failed_items TO payments_writer;
-- All columns but the payload.
GRANT SELECT (
    failed_item_id, stage, error_code, message, detail, event_hub, partition_id, sequence_number, enqueued_at, event_id,
    transaction_id, attempts, status, created_at, updated_at, resolved_at, next_attempt_at, resolved_by, resolution
) ON failed_items TO payments_reader;

DO $$
DECLARE
    month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    until timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    PERFORM setval('failed_items_failed_item_id_seq', last_value, is_called)
    FROM failed_items_before_failed_item_id_seq;
    ALTER TABLE failed_items_before ALTER COLUMN failed_item_id DROP IDENTITY;
    IF NOT EXISTS (SELECT FROM failed_items_before) THEN
        DROP TABLE failed_items_before;
        RETURN;
    END IF;
    -- No hub enqueues in the future, but files of `payments ingest` may say so.
    WITH ahead AS (DELETE FROM failed_items_before WHERE enqueued_at >= until RETURNING *)
    INSERT INTO failed_items_default OVERRIDING SYSTEM VALUE SELECT * FROM ahead;
    ALTER TABLE failed_items_before ADD PRIMARY KEY (failed_item_id, enqueued_at);
    EXECUTE format(
        'ALTER TABLE failed_items ATTACH PARTITION failed_items_before FOR VALUES FROM (MINVALUE) TO (%L)', until
    );
    EXECUTE format('ALTER TABLE failed_items_before RENAME TO %I', partition_name('failed_items', month::date));
END
$$;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
