-- migrate:up

-- Duplicates leave no row behind, so without this table a gap in the sequence numbers could not be told from them.
-- One row a partition and day, updated by every batch: a multirange of consecutive batches is one range, however many
-- they were. Only the owner of the partition writes its row, so it is locked for nobody else.
CREATE TABLE ingested_sequences (
    event_hub text NOT NULL,
    partition_id text NOT NULL,
    enqueued_on date NOT NULL,
    sequence_numbers int8multirange NOT NULL,
    PRIMARY KEY (event_hub, partition_id, enqueued_on)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

COMMENT ON TABLE ingested_sequences IS
    'Which sequence numbers of each partition have been dealt with: stored, quarantined, or recognized as duplicates. '
    'What is missing between them was never seen (payments reconcile).';
COMMENT ON COLUMN ingested_sequences.enqueued_on IS 'UTC day on which the Event Hub took the events.';

GRANT SELECT, INSERT, UPDATE ON ingested_sequences TO payments_writer;
GRANT SELECT ON ingested_sequences TO payments_reader;

-- The reconcile timer runs in the function app, and compares the metrics with the archive.
GRANT SELECT ON dynamic_metrics TO payments_writer;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
