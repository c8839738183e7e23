-- migrate:up

-- The daily timer works as payments_writer, which may neither create nor drop a table. ensure_partitions() and
-- drop_expired_partitions() do it as their owner, to day partitions only, one call at a time, each in one transaction.

CREATE FUNCTION partition_name(parent text, day date) RETURNS text
LANGUAGE sql STABLE
RETURN parent || to_char(day, '_YYYYMMDD');

CREATE FUNCTION utc_midnight(day date) RETURNS text
LANGUAGE sql STABLE
RETURN to_char(day, 'YYYY-MM-DD 00:00:00+00');

CREATE FUNCTION lock_for_a_moment(tables text[]) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '500ms'
AS $$
DECLARE
    list text := (
        SELECT string_agg(format('ONLY %I', name), ', ' ORDER BY place)
        FROM unnest(tables) WITH ORDINALITY AS given (name, place)
    );
BEGIN
    FOR attempt IN 1..20 LOOP
        BEGIN
            EXECUTE 'LOCK TABLE ' || list || ' IN ACCESS EXCLUSIVE MODE';
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            NULL;  -- all of these locks are given back: who came after us may go first
        END;
        PERFORM pg_sleep(1);
    END LOOP;
    RAISE EXCEPTION '% stayed in use for half a minute; nothing was changed', array_to_string(tables, ', ')
        USING ERRCODE = 'lock_not_available',
        HINT = 'Run it again. Who holds it: SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY xact_start';
END
$$;
COMMENT ON FUNCTION lock_for_a_moment(text[]) IS
    'Locks the tables until the end of the transaction. Waiting for such a lock holds up everyone who comes after, so '
    'it waits half a second at a time and lets them pass in between. Give the tables in the order of ingest''s locks.';

CREATE FUNCTION move_out_of_default(parent text, day date) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    moved bigint;
BEGIN
    EXECUTE format(
        'WITH moved AS (DELETE FROM %1$I WHERE %2$I >= %3$L AND %2$I < %4$L RETURNING *) '
        'INSERT INTO %5$I SELECT * FROM moved',
        parent || '_default', CASE parent WHEN 'ingested_events' THEN 'occurred_on' ELSE 'created_at' END,
        utc_midnight(day), utc_midnight(day + 1), partition_name(parent, day)
    );
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved;
END
$$;

CREATE FUNCTION ensure_partitions(from_day date, to_day date)
RETURNS TABLE (partition text, action text, row_count bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    parent text;
    day date;
    parents text[] := '{}';
    days date[] := '{}';
    moved bigint[] := '{}';
BEGIN
    IF from_day IS NULL OR to_day IS NULL OR to_day NOT BETWEEN from_day AND from_day + 366 THEN
        RAISE EXCEPTION '% to % is no range of days to make partitions for', from_day, to_day
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the first and last day, at most 366 days apart.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('payments: partitions'));
    FOR parent, day IN
        SELECT name, from_day + n
        FROM unnest(ARRAY['ingested_events', 'dynamic_metrics']) WITH ORDINALITY AS t (name, place),
            generate_series(0, to_day - from_day) AS n
        WHERE to_regclass(partition_name(name, from_day + n)) IS NULL
        ORDER BY place, n
    LOOP
        EXECUTE format(
            'CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING COMMENTS) WITH (autovacuum_freeze_min_age = 0)',
            partition_name(parent, day), parent
        );
        parents := parents || parent;
        days := days || day;
        moved := moved || move_out_of_default(parent, day);  -- while others go on writing
    END LOOP;
    IF days = '{}' THEN
        RETURN;
    END IF;
    -- Attaching locks the default partitions in any case. The parents are locked too, although attaching would admit
    -- writers: one that has chosen the default partition for its row when the day appears would fail.
    PERFORM lock_for_a_moment(
        ARRAY['ingested_events', 'ingested_events_default', 'dynamic_metrics', 'dynamic_metrics_default']
    );
    action := 'created';
    FOR n IN 1..cardinality(days) LOOP
        partition := partition_name(parents[n], days[n]);
        row_count := moved[n] + move_out_of_default(parents[n], days[n]);  -- and what came meanwhile
        EXECUTE format(
            'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            parents[n], partition, utc_midnight(days[n]), utc_midnight(days[n] + 1)
        );
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION ensure_partitions(date, date) IS
    'Makes the missing partitions of these days, the last included, and returns one row for each: row_count is how '
    'many rows the default partition held of that day; they are moved. Does nothing where the partitions exist.';

REVOKE ALL ON FUNCTION
    partition_name(text, date), utc_midnight(date), lock_for_a_moment(text[]), move_out_of_default(text, date),
    ensure_partitions(date, date)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(date, date) TO payments_writer;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
