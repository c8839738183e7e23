-- migrate:up

-- Beside ensure_partitions() and drop_expired_partitions(), and not in them: a long replay has entries of failed_items
-- locked, and the days of the other tables shall not wait for it.

CREATE FUNCTION missing_failed_items_months(today date) RETURNS date[]
LANGUAGE sql STABLE
AS $$
SELECT ARRAY(
    SELECT DISTINCT month
    FROM (
        SELECT (date_trunc('month', today::timestamp) + n * interval '1 month')::date AS month FROM generate_series(0, 1) AS n
        UNION ALL
        SELECT date_trunc('month', enqueued_at AT TIME ZONE 'UTC')::date FROM failed_items_default
    ) AS wanted
    WHERE to_regclass(partition_name('failed_items', month)) IS NULL
        -- The partition of the month in which they were introduced may reach back to the oldest entry.
        AND NOT EXISTS (
            SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = 'failed_items'::regclass AND pg_get_expr(relpartbound, inhrelid) LIKE '%MINVALUE%'
                AND relname >= partition_name('failed_items', month)
        )
    ORDER BY month
)
$$;

CREATE FUNCTION ensure_failed_items_partitions(today date)
RETURNS TABLE (partition text, action text, row_count bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    month date;
    next_month date;
BEGIN
    IF today IS NULL THEN
        RAISE EXCEPTION 'today is not known' USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the UTC day.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('payments: partitions'));
    IF missing_failed_items_months(today) = '{}' THEN
        RETURN;
    END IF;
    -- The parent too: a writer that has chosen the default partition for its row when the month appears would fail.
    PERFORM lock_for_a_moment(ARRAY['failed_items', 'failed_items_default']);
    action := 'created';
    FOREACH month IN ARRAY missing_failed_items_months(today) LOOP
        partition := partition_name('failed_items', month);
        next_month := month + interval '1 month';
        EXECUTE format(
            'CREATE TABLE %I (LIKE failed_items INCLUDING ALL EXCLUDING IDENTITY EXCLUDING COMMENTS)', partition
        );
        EXECUTE format(
            'WITH moved AS (DELETE FROM failed_items_default WHERE enqueued_at >= %L AND enqueued_at < %L RETURNING *) '
            'INSERT INTO %I SELECT * FROM moved',
            utc_midnight(month), utc_midnight(next_month), partition
        );
        GET DIAGNOSTICS row_count = ROW_COUNT;
        EXECUTE format(
            'ALTER TABLE failed_items ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            partition, utc_midnight(month), utc_midnight(next_month)
        );
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION ensure_failed_items_partitions(date) IS
    'Makes the missing partitions of failed_items: this month''s, the next one''s, and those of months that the default '
    'partition has entries of, which are moved. Returns one row for each: row_count is how many were moved.';

CREATE FUNCTION drop_expired_failed_items(retention_days integer, today date)
RETURNS TABLE (partition text, action text, row_count bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    first_day date := today - retention_days;
    old_months text[] := '{}';
    needed boolean;
BEGIN
    IF retention_days IS NULL OR retention_days < 8 THEN
        RAISE EXCEPTION 'failed items kept for % days would be taken for new when the Event Hub delivers them again',
            retention_days
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'An Event Hub redelivers for up to 7 days: use 8 or more.';
    ELSIF today IS NULL OR today > (now() AT TIME ZONE 'UTC')::date + 1 THEN
        RAISE EXCEPTION 'today is not %, and partitions within retention would be dropped', today
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Check the clock of the caller.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('payments: partitions'));

    -- A month is read through before it goes, and that holds nobody up.
    FOREACH partition IN ARRAY expired_partitions('failed_items', date_trunc('month', first_day::timestamp)::date) LOOP
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM %1$I WHERE status = ''pending'') '
            'OR EXISTS (SELECT FROM %1$I WHERE resolved_at >= %2$L)',
            partition, utc_midnight(first_day)
        ) INTO needed;
        IF NOT needed THEN
            old_months := old_months || partition;
        END IF;
    END LOOP;
    IF old_months <> '{}' THEN
        PERFORM lock_for_a_moment(ARRAY['failed_items', 'failed_items_default'] || old_months);
    END IF;
    FOREACH partition IN ARRAY expired_partitions('failed_items', date_trunc('month', first_day::timestamp)::date) LOOP
        EXECUTE format('SELECT count(*) FROM %I WHERE status = ''pending''', partition) INTO row_count;
        -- Asked again under the lock: an old dead letter may have brought one meanwhile. The index makes it short.
        IF row_count = 0 AND partition = ANY (old_months) THEN
            action := 'dropped';
            EXECUTE format('DROP TABLE %I', partition);
        ELSE
            action := 'kept';
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION drop_expired_failed_items(integer, date) IS
    'Drops the months of failed_items that ended before retention and of which every entry was resolved before it too, '
    'and returns one row for each month past retention: dropped, or kept for row_count unresolved entries, or for one '
    'that was resolved within retention.';

REVOKE ALL ON FUNCTION
    missing_failed_items_months(date), ensure_failed_items_partitions(date), drop_expired_failed_items(integer, date)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_failed_items_partitions(date), drop_expired_failed_items(integer, date)
    TO payments_writer;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
