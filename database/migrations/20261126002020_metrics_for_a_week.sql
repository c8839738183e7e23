-- migrate:up

-- As before, but metrics are kept for 8 days at least, as event ids and failed items are: whoever gets hold of the
-- function's login, or sets a wrong number, destroys nothing that a week's alert is still about. What today is, the
-- database's own clock decides already.
CREATE OR REPLACE FUNCTION drop_expired_partitions(dedup_window_days integer, metrics_retention_days integer, today date)
RETURNS TABLE (partition text, action text, row_count bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    first_enqueue_day date := today - dedup_window_days;
    first_metrics_day date := today - metrics_retention_days;
    old_events text[];
    old_metrics text[] := '{}';
    locks text[] := '{}';
    unresolved uuid[];
BEGIN
    IF dedup_window_days IS NULL OR dedup_window_days < 8 THEN
        RAISE EXCEPTION 'a dedup window of % days would forget ids that the Event Hub can still deliver again',
            dedup_window_days
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'An Event Hub redelivers for up to 7 days: use 8 or more.';
    ELSIF metrics_retention_days IS NULL OR metrics_retention_days < 8 THEN
        RAISE EXCEPTION 'metrics cannot be kept for % days only', metrics_retention_days
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use 8 or more (METRICS_RETENTION_DAYS).';
    ELSIF today IS NULL OR today > (now() AT TIME ZONE 'UTC')::date + 1 THEN
        RAISE EXCEPTION 'today is not %, and partitions within retention would be dropped', today
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Check the clock of the caller.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('payments: partitions'));
    unresolved := ARRAY(SELECT DISTINCT event_id FROM failed_items WHERE status = 'pending' AND event_id IS NOT NULL);
    old_events := expired_partitions('ingested_events', first_enqueue_day);

    -- Metrics that an event without an archive file has already: they can be told from what its file will say.
    action := 'kept';
    FOREACH partition IN ARRAY expired_partitions('dynamic_metrics', first_metrics_day) LOOP
        EXECUTE format(
            'SELECT count(*) FROM failed_items AS item WHERE item.status = ''pending'' AND item.stage = ''archive'' '
            'AND EXISTS (SELECT FROM %I AS metric WHERE metric.transaction_id = item.transaction_id)',
            partition
        ) INTO row_count;
        IF row_count > 0 THEN
            RETURN NEXT;
        ELSE
            old_metrics := old_metrics || partition;
        END IF;
    END LOOP;

    -- First what holds nobody up.
    action := 'pruned';
    partition := 'ingested_events_default';
    DELETE FROM ingested_events_default
    WHERE enqueued_on < first_enqueue_day AND NOT event_id = ANY (unresolved);
    GET DIAGNOSTICS row_count = ROW_COUNT;
    IF row_count > 0 THEN
        RETURN NEXT;
    END IF;
    partition := 'dynamic_metrics_default';
    DELETE FROM dynamic_metrics_default AS metric
    WHERE created_at < utc_midnight(first_metrics_day)::timestamptz
        AND NOT EXISTS (
            SELECT FROM failed_items AS item
            WHERE item.status = 'pending' AND item.stage = 'archive' AND item.transaction_id = metric.transaction_id
        );
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
            'INSERT INTO ingested_events_default SELECT * FROM %I WHERE enqueued_on >= %L OR event_id = ANY (%L)',
            partition, first_enqueue_day, unresolved
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

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
