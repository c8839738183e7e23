-- migrate:up

CREATE FUNCTION expired_partitions(parent text, first_day date) RETURNS text[]
LANGUAGE sql STABLE
RETURN ARRAY(
    SELECT relname::text
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = parent::regclass AND relname ~ '_[0-9]{8}$' AND to_date(right(relname, 8), 'YYYYMMDD') < first_day
    ORDER BY relname
);

CREATE FUNCTION drop_expired_partitions(dedup_window_days integer, metrics_retention_days integer, today date)
RETURNS TABLE (partition text, action text, row_count bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    first_enqueue_day date := today - dedup_window_days;
    first_metrics_day date := today - metrics_retention_days;
    old_events text[];
    old_metrics text[];
    locks text[] := '{}';
BEGIN
    IF dedup_window_days IS NULL OR dedup_window_days < 8 THEN
        RAISE EXCEPTION 'a dedup window of % days would forget ids that the Event Hub can still deliver again',
            dedup_window_days
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'An Event Hub redelivers for up to 7 days: use 8 or more.';
    ELSIF metrics_retention_days IS NULL OR metrics_retention_days < 1 THEN
        RAISE EXCEPTION 'metrics cannot be kept for % days', metrics_retention_days
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use 1 or more.';
    ELSIF today IS NULL OR today > (now() AT TIME ZONE 'UTC')::date + 1 THEN
        RAISE EXCEPTION 'today is not %, and partitions within retention would be dropped', today
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Check the clock of the caller.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('payments: partitions'));
    old_events := expired_partitions('ingested_events', first_enqueue_day);
    old_metrics := expired_partitions('dynamic_metrics', first_metrics_day);

    -- First what holds nobody up.
    action := 'pruned';
    partition := 'ingested_events_default';
    DELETE FROM ingested_events_default WHERE enqueued_on < first_enqueue_day;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    IF row_count > 0 THEN
        RETURN NEXT;
    END IF;
    partition := 'dynamic_metrics_default';
    DELETE FROM dynamic_metrics_default WHERE created_at < utc_midnight(first_metrics_day)::timestamptz;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    IF row_count > 0 THEN
        RETURN NEXT;
    END IF;
    FOREACH partition IN ARRAY old_events LOOP
        PERFORM brin_summarize_new_values(format('%I', partition || '_enqueued_on_idx')::regclass);
    END LOOP;

    -- The ids to keep are looked for under the lock on the parent, and the BRIN index makes that short. Locking the old
    -- day alone and searching it before would end in a deadlock with a late event, whose writer has locked the parent
    -- when it begins to wait for the day.
    IF old_events <> '{}' THEN
        locks := ARRAY['ingested_events', 'ingested_events_default'] || old_events;
    END IF;
    IF old_metrics <> '{}' THEN
        locks := locks || ARRAY['dynamic_metrics', 'dynamic_metrics_default'] || old_metrics;
    END IF;
    IF locks <> '{}' THEN
        PERFORM lock_for_a_moment(locks);
    END IF;
    action := 'dropped';
    FOREACH partition IN ARRAY old_events LOOP
        EXECUTE format('ALTER TABLE ingested_events DETACH PARTITION %I', partition);
        EXECUTE format(
            'INSERT INTO ingested_events_default SELECT * FROM %I WHERE enqueued_on >= %L', partition, first_enqueue_day
        );
        GET DIAGNOSTICS row_count = ROW_COUNT;
        EXECUTE format('DROP TABLE %I', partition);
        RETURN NEXT;
    END LOOP;
    row_count := 0;
    FOREACH partition IN ARRAY old_metrics LOOP
        EXECUTE format('DROP TABLE %I', partition);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION drop_expired_partitions(integer, integer, date) IS
    'Forgets what is past retention on this UTC day, and returns one row for each partition touched. dropped: of it, '
    'row_count event ids were enqueued too recently to be forgotten and now are in the default partition. pruned: '
    'row_count rows were deleted from it.';

REVOKE ALL ON FUNCTION expired_partitions(text, date), drop_expired_partitions(integer, integer, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_expired_partitions(integer, integer, date) TO payments_writer;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
