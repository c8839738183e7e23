-- A lost database, filled again from the archive: files that the manifest does not have are taken in.

-- begin --
-- A large file takes longer than the ingest may.
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0

-- ensure_partitions --
-- The day gets its partitions; what is past retention is dropped by the daily maintenance.
SELECT ensure_partitions(%(day)s::date, %(day)s::date)

-- insert_compacted --
-- A compacted file counts again.
INSERT INTO raw_event_files (path, rows, bytes, min_occurred_at, max_occurred_at, event_hub, made_by)
VALUES (%(path)s, %(rows)s, %(bytes)s, %(min_occurred_at)s, %(max_occurred_at)s, %(event_hub)s, %(compaction)s)

-- known --
-- Which of these paths the manifest has, in whatever state.
SELECT path FROM raw_event_files WHERE path = ANY (%(paths)s)
