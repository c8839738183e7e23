--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: drop_expired_failed_items(integer, date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.drop_expired_failed_items(retention_days integer, today date) RETURNS TABLE(partition text, action text, row_count bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
$_$;

--
-- Name: FUNCTION drop_expired_failed_items(retention_days integer, today date); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.drop_expired_failed_items(retention_days integer, today date) IS 'Drops the months of failed_items that ended before retention and of which every entry was resolved before it too, and returns one row for each month past retention: dropped, or kept for row_count unresolved entries, or for one that was resolved within retention.';

--
-- Name: drop_expired_partitions(integer, integer, date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.drop_expired_partitions(dedup_window_days integer, metrics_retention_days integer, today date) RETURNS TABLE(partition text, action text, row_count bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
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

--
-- Name: FUNCTION drop_expired_partitions(dedup_window_days integer, metrics_retention_days integer, today date); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.drop_expired_partitions(dedup_window_days integer, metrics_retention_days integer, today date) IS 'Forgets what is past retention on this UTC day, and returns one row for each partition touched. dropped: of it, row_count event ids were enqueued too recently to be forgotten, or belong to unresolved failed items, and now are in the default partition. pruned: row_count rows were deleted from it. kept: row_count events that wait for their archive file have metrics in it.';

--
-- Name: ensure_failed_items_partitions(date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.ensure_failed_items_partitions(today date) RETURNS TABLE(partition text, action text, row_count bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
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

--
-- Name: FUNCTION ensure_failed_items_partitions(today date); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.ensure_failed_items_partitions(today date) IS 'Makes the missing partitions of failed_items: this month''s, the next one''s, and those of months that the default partition has entries of, which are moved. Returns one row for each: row_count is how many were moved.';

--
-- Name: ensure_partitions(date, date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.ensure_partitions(from_day date, to_day date) RETURNS TABLE(partition text, action text, row_count bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
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

--
-- Name: FUNCTION ensure_partitions(from_day date, to_day date); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.ensure_partitions(from_day date, to_day date) IS 'Makes the missing partitions of these days, the last included, and returns one row for each: row_count is how many rows the default partition held of that day; they are moved. Does nothing where the partitions exist.';

--
-- Name: expired_partitions(text, date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.expired_partitions(parent text, first_day date) RETURNS text[]
    LANGUAGE sql STABLE
    RETURN ARRAY(SELECT (pg_class.relname)::text AS relname FROM (pg_inherits JOIN pg_class ON ((pg_class.oid = pg_inherits.inhrelid))) WHERE ((pg_inherits.inhparent = ((expired_partitions.parent)::regclass)::oid) AND (pg_class.relname ~ '_[0-9]{8}$'::text) AND (to_date("right"((pg_class.relname)::text, 8), 'YYYYMMDD'::text) < expired_partitions.first_day)) ORDER BY ((pg_class.relname)::text));

--
-- Name: histogram_buckets(numeric); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.histogram_buckets(buckets numeric) RETURNS TABLE(index integer, lower double precision, upper double precision, count bigint)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT bucket.i,
     power((2)::double precision, ((bucket.i)::double precision / (8)::double precision)) AS power,
     power((2)::double precision, (((bucket.i + 1))::double precision / (8)::double precision)) AS power,
     bucket.n
    FROM ( SELECT (lpad(part.whole, (12 * size.groups), '0'::text) || rpad(part.fraction, (((length(part.fraction) + 11) / 12) * 12), '0'::text)) AS digits,
             size.groups
            FROM ( SELECT split_part((histogram_buckets.buckets)::text, '.'::text, 1) AS whole,
                     split_part((histogram_buckets.buckets)::text, '.'::text, 2) AS fraction) part,
             LATERAL ( SELECT ((length(part.whole) + 11) / 12) AS groups) size
          OFFSET 0) text_of_number,
     LATERAL ( SELECT (text_of_number.groups - (found.place)::integer) AS i,
             (found.match[1])::bigint AS n
            FROM regexp_matches(text_of_number.digits, '.{12}'::text, 'g'::text) WITH ORDINALITY found(match, place)) bucket
   WHERE (bucket.n > 0);
END;

--
-- Name: FUNCTION histogram_buckets(buckets numeric); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.histogram_buckets(buckets numeric) IS 'The buckets that are not empty: count values lie in (lower, upper]. Of negative_buckets, the values without sign.';

--
-- Name: histogram_quantile(double precision, numeric, numeric, numeric); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.histogram_quantile(q double precision, buckets numeric, zero_count numeric, negative_buckets numeric) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF q NOT BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'the quantile % is not between 0 and 1', q
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The 95th percentile is 0.95.';
    END IF;
    RETURN (
        SELECT value
        FROM (
            SELECT value, sum(n) OVER (ORDER BY value) AS rank_of_last, sum(n) OVER () AS total
            FROM (
                -- The point of a bucket that is equally far, 4.33 %, from both ends.
                SELECT 2 * lower * upper / (lower + upper) AS value, count AS n FROM histogram_buckets(buckets)
                UNION ALL
                SELECT 0, zero_count WHERE zero_count > 0
                UNION ALL
                SELECT -2 * lower * upper / (lower + upper), count FROM histogram_buckets(negative_buckets)
            ) AS cell
        ) AS ranked
        -- As numeric: 0.07 of 100 values is rank 7, where binary fractions would say 8.
        WHERE rank_of_last >= ceil(q::numeric * total)
        ORDER BY value
        LIMIT 1
    );
END
$$;

--
-- Name: FUNCTION histogram_quantile(q double precision, buckets numeric, zero_count numeric, negative_buckets numeric); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.histogram_quantile(q double precision, buckets numeric, zero_count numeric, negative_buckets numeric) IS 'Nearest-rank quantile: an estimate, at most 4.4 % off, of the value of rank ceil(q * n) among n sorted values (of rank 1 for q = 0). Null for an empty histogram. For several windows: histogram_quantile(0.95, sum(buckets), sum(zero_count), sum(negative_buckets)).';

--
-- Name: lock_for_a_moment(text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.lock_for_a_moment(tables text[]) RETURNS void
    LANGUAGE plpgsql
    SET lock_timeout TO '500ms'
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

--
-- Name: FUNCTION lock_for_a_moment(tables text[]); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.lock_for_a_moment(tables text[]) IS 'Locks the tables until the end of the transaction. Waiting for such a lock holds up everyone who comes after, so it waits half a second at a time and lets them pass in between. Give the tables in the order of ingest''s locks.';

--
-- Name: lock_for_rebuild(date[], text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.lock_for_rebuild(days date[], aggregates text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    locks text[] := ARRAY(
        SELECT name FROM unnest(ARRAY['payment_metrics_5m', 'aggregate_histograms']) WITH ORDINALITY AS t (name, place)
        WHERE name = ANY (aggregates) ORDER BY place
    );
BEGIN
    IF days <> '{}' THEN
        locks := ARRAY['dynamic_metrics']
            || ARRAY(SELECT partition_name('dynamic_metrics', day) FROM unnest(days) AS day ORDER BY day) || locks;
    END IF;
    PERFORM lock_for_a_moment(locks);
END
$$;

--
-- Name: FUNCTION lock_for_rebuild(days date[], aggregates text[]); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.lock_for_rebuild(days date[], aggregates text[]) IS 'Keeps everybody out until the end of the transaction: what a batch has added is committed, or comes afterwards.';

--
-- Name: make_rebuilt_partition(date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.make_rebuilt_partition(day date) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    name text := partition_name('dynamic_metrics', day) || '_rebuilt';
BEGIN
    IF to_regclass(partition_name('dynamic_metrics', day)) IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', name);
    EXECUTE format(
        'CREATE TABLE %I (LIKE dynamic_metrics INCLUDING ALL EXCLUDING COMMENTS, '
        'CONSTRAINT rebuilt_day_check CHECK (created_at >= %L AND created_at < %L)) WITH (autovacuum_freeze_min_age = 0)',
        name, utc_midnight(day), utc_midnight(day + 1)
    );
    EXECUTE format('GRANT SELECT, INSERT ON %I TO payments_operator', name);
    RETURN name;
END
$$;

--
-- Name: FUNCTION make_rebuilt_partition(day date); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.make_rebuilt_partition(day date) IS 'Makes an empty table to take the place of the day''s partition of dynamic_metrics, and returns its name; null where the day has no partition: it is past retention.';

--
-- Name: missing_failed_items_months(date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.missing_failed_items_months(today date) RETURNS date[]
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

--
-- Name: move_out_of_default(text, date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.move_out_of_default(parent text, day date) RETURNS bigint
    LANGUAGE plpgsql
    AS $_$
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
$_$;

--
-- Name: partition_name(text, date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.partition_name(parent text, day date) RETURNS text
    LANGUAGE sql STABLE
    RETURN (parent || to_char((day)::timestamp with time zone, '_YYYYMMDD'::text));

--
-- Name: stamp_resolved_at(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.stamp_resolved_at() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.resolved_at := now();
    RETURN NEW;
END
$$;

--
-- Name: FUNCTION stamp_resolved_at(); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.stamp_resolved_at() IS 'An entry of failed_items is resolved when it is, whatever a writer says.';

--
-- Name: swap_rebuilt(date[], text[], timestamp with time zone, timestamp with time zone, interval[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.swap_rebuilt(days date[], aggregates text[], range_start timestamp with time zone, range_end timestamp with time zone, lengths interval[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    day date;
    name text;
BEGIN
    FOREACH day IN ARRAY days LOOP
        name := partition_name('dynamic_metrics', day);
        EXECUTE format('ALTER TABLE dynamic_metrics DETACH PARTITION %I', name);
        EXECUTE format('DROP TABLE %I', name);
        EXECUTE format('ALTER TABLE %I RENAME TO %I', name || '_rebuilt', name);
        EXECUTE format('REVOKE ALL ON %I FROM payments_operator', name);
        EXECUTE format(
            'ALTER TABLE dynamic_metrics ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            name, utc_midnight(day), utc_midnight(day + 1)
        );
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT rebuilt_day_check', name);
    END LOOP;
    IF 'payment_metrics_5m' = ANY (aggregates) THEN
        DELETE FROM payment_metrics_5m WHERE window_start >= range_start AND window_start < range_end;
        INSERT INTO payment_metrics_5m (
            window_start, payment_method, currency, payment_status, total_count, total_amount, min_amount, max_amount
        )
        SELECT
            window_start, payment_method, currency, payment_status, total_count, total_amount, min_amount, max_amount
        FROM rebuilt_payment_metrics_5m;
    END IF;
    IF 'aggregate_histograms' = ANY (aggregates) THEN
        DELETE FROM aggregate_histograms
        WHERE time_window_start >= range_start AND time_window_end <= range_end
            AND time_window_end - time_window_start = ANY (lengths);
        INSERT INTO aggregate_histograms SELECT * FROM rebuilt_aggregate_histograms;
    END IF;
END
$$;

--
-- Name: FUNCTION swap_rebuilt(days date[], aggregates text[], range_start timestamp with time zone, range_end timestamp with time zone, lengths interval[]); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.swap_rebuilt(days date[], aggregates text[], range_start timestamp with time zone, range_end timestamp with time zone, lengths interval[]) IS 'Puts what was rebuilt in the place of what is there, in the range. Call lock_for_rebuild() before.';

--
-- Name: utc_midnight(date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.utc_midnight(day date) RETURNS text
    LANGUAGE sql STABLE
    RETURN to_char((day)::timestamp with time zone, 'YYYY-MM-DD 00:00:00+00'::text);

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: aggregate_histograms; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.aggregate_histograms (
    metric_type character varying(100) NOT NULL,
    event_type character varying(100) NOT NULL,
    time_window_start timestamp with time zone NOT NULL,
    time_window_end timestamp with time zone NOT NULL,
    event_count bigint NOT NULL,
    sum_value numeric NOT NULL,
    min_value numeric NOT NULL,
    max_value numeric NOT NULL,
    buckets numeric NOT NULL,
    zero_count bigint NOT NULL,
    negative_buckets numeric NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT aggregate_histograms_buckets_check CHECK (((buckets >= (0)::numeric) AND (negative_buckets >= (0)::numeric))),
    CONSTRAINT aggregate_histograms_count_check CHECK (((event_count > 0) AND (event_count < '1000000000000'::bigint))),
    CONSTRAINT aggregate_histograms_range_check CHECK ((min_value <= max_value)),
    CONSTRAINT aggregate_histograms_window_check CHECK ((time_window_start < time_window_end)),
    CONSTRAINT aggregate_histograms_zero_check CHECK (((zero_count >= 0) AND (zero_count <= event_count)))
)
WITH (fillfactor='30', toast_tuple_target='4080', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000');

--
-- Name: TABLE aggregate_histograms; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.aggregate_histograms IS 'Every metric per event type and window of occurred_at, with its distribution. Additive, and so is a union of windows: sum every column but min_value and max_value. Windows of several lengths lie side by side; choose one length, or events count twice. Percentiles: histogram_quantile(0.95, sum(buckets), sum(zero_count), sum(negative_buckets)).';

--
-- Name: COLUMN aggregate_histograms.time_window_end; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.aggregate_histograms.time_window_end IS 'Not part of the window. The length is end minus start.';

--
-- Name: COLUMN aggregate_histograms.event_count; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.aggregate_histograms.event_count IS 'How many values: positive, zero and negative.';

--
-- Name: COLUMN aggregate_histograms.buckets; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.aggregate_histograms.buckets IS 'Distribution of the positive values in one number: the sum of count * 10^(12 i) over buckets i, where bucket i holds the values in (2^(i/8), 2^((i+1)/8)]. Adding two of them merges them. Read it with histogram_buckets().';

--
-- Name: COLUMN aggregate_histograms.zero_count; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.aggregate_histograms.zero_count IS 'Values that are exactly zero.';

--
-- Name: COLUMN aggregate_histograms.negative_buckets; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.aggregate_histograms.negative_buckets IS 'As buckets, of the negative values without their sign.';

--
-- Name: COLUMN aggregate_histograms.updated_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.aggregate_histograms.updated_at IS 'When a batch was last added; start of its transaction.';

--
-- Name: dynamic_metrics; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.dynamic_metrics (
    metric_id bigint NOT NULL,
    transaction_id character varying(255) NOT NULL,
    correlation_id uuid,
    metric_type character varying(100) NOT NULL,
    metric_value numeric NOT NULL,
    metric_data jsonb,
    created_at timestamp with time zone NOT NULL
)
PARTITION BY RANGE (created_at);

--
-- Name: TABLE dynamic_metrics; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.dynamic_metrics IS 'One row for each transaction and metric (metrics.toml names them). One partition a UTC day of created_at, made by ensure_partitions(), dropped by drop_expired_partitions().';

--
-- Name: COLUMN dynamic_metrics.metric_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.dynamic_metrics.metric_id IS 'Unique by itself; the key contains created_at because a key must contain what partitions are made by.';

--
-- Name: COLUMN dynamic_metrics.metric_value; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.dynamic_metrics.metric_value IS 'Exact: the digits of the event, never through a binary float.';

--
-- Name: COLUMN dynamic_metrics.metric_data; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.dynamic_metrics.metric_data IS 'What qualifies the value, e.g. {"unit": "EUR"}.';

--
-- Name: COLUMN dynamic_metrics.created_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.dynamic_metrics.created_at IS 'The event''s occurred_at, not the time of the insert.';

--
-- Name: dynamic_metrics_metric_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.dynamic_metrics_metric_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: dynamic_metrics_metric_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.dynamic_metrics_metric_id_seq OWNED BY public.dynamic_metrics.metric_id;

--
-- Name: dynamic_metrics_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.dynamic_metrics_default (
    metric_id bigint DEFAULT nextval('public.dynamic_metrics_metric_id_seq'::regclass) CONSTRAINT dynamic_metrics_metric_id_not_null NOT NULL,
    transaction_id character varying(255) CONSTRAINT dynamic_metrics_transaction_id_not_null NOT NULL,
    correlation_id uuid,
    metric_type character varying(100) CONSTRAINT dynamic_metrics_metric_type_not_null NOT NULL,
    metric_value numeric CONSTRAINT dynamic_metrics_metric_value_not_null NOT NULL,
    metric_data jsonb,
    created_at timestamp with time zone CONSTRAINT dynamic_metrics_created_at_not_null NOT NULL
)
WITH (autovacuum_freeze_min_age='0');

--
-- Name: TABLE dynamic_metrics_default; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.dynamic_metrics_default IS 'Metrics of days that have no partition.';

--
-- Name: failed_items; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.failed_items (
    failed_item_id bigint CONSTRAINT failed_items_failed_item_id_not_null1 NOT NULL,
    stage text CONSTRAINT failed_items_stage_not_null1 NOT NULL,
    error_code text CONSTRAINT failed_items_error_code_not_null1 NOT NULL,
    message text CONSTRAINT failed_items_message_not_null1 NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb CONSTRAINT failed_items_detail_not_null1 NOT NULL,
    payload bytea CONSTRAINT failed_items_payload_not_null1 NOT NULL,
    event_hub text CONSTRAINT failed_items_event_hub_not_null1 NOT NULL,
    partition_id text CONSTRAINT failed_items_partition_id_not_null1 NOT NULL,
    sequence_number bigint CONSTRAINT failed_items_sequence_number_not_null1 NOT NULL,
    enqueued_at timestamp with time zone CONSTRAINT failed_items_enqueued_at_not_null1 NOT NULL,
    event_id uuid,
    transaction_id character varying(255),
    attempts integer DEFAULT 1 CONSTRAINT failed_items_attempts_not_null1 NOT NULL,
    status text DEFAULT 'pending'::text CONSTRAINT failed_items_status_not_null1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT failed_items_created_at_not_null1 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() CONSTRAINT failed_items_updated_at_not_null1 NOT NULL,
    resolved_at timestamp with time zone,
    next_attempt_at timestamp with time zone,
    resolved_by text,
    resolution text,
    CONSTRAINT failed_items_attempts_check CHECK ((attempts > 0)),
    CONSTRAINT failed_items_discarded_check CHECK (((status <> 'discarded'::text) OR (COALESCE(resolution, ''::text) <> ''::text))),
    CONSTRAINT failed_items_next_attempt_check CHECK (((next_attempt_at IS NULL) OR (status = 'pending'::text))),
    CONSTRAINT failed_items_resolved_check CHECK (((status = 'pending'::text) = (resolved_at IS NULL))),
    CONSTRAINT failed_items_stage_check CHECK ((stage = ANY (ARRAY['decode'::text, 'validate'::text, 'claim'::text, 'metrics'::text, 'serialize'::text, 'archive'::text, 'aggregate'::text]))),
    CONSTRAINT failed_items_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'replayed'::text, 'discarded'::text])))
)
PARTITION BY RANGE (enqueued_at);

--
-- Name: TABLE failed_items; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.failed_items IS 'The dead-letter queue: what could not be processed, with its exact bytes, where it came from and why it failed. One partition a month of enqueued_at, made by ensure_failed_items_partitions(), dropped by drop_expired_failed_items().';

--
-- Name: COLUMN failed_items.stage; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.failed_items.stage IS 'The step that failed.';

--
-- Name: COLUMN failed_items.error_code; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.failed_items.error_code IS 'Stable, for alerts and replays. The message is for people.';

--
-- Name: COLUMN failed_items.detail; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.failed_items.detail IS 'What a machine may want to know besides, e.g. {"field": "amount"}.';

--
-- Name: COLUMN failed_items.payload; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.failed_items.payload IS 'The body as the Event Hub delivered it. Not readable for payments_reader.';

--
-- Name: COLUMN failed_items.attempts; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.failed_items.attempts IS 'How often processing was tried, replays included.';

--
-- Name: COLUMN failed_items.status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.failed_items.status IS 'pending; replayed: processed after all; discarded: given up on purpose.';

--
-- Name: COLUMN failed_items.resolved_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.failed_items.resolved_at IS 'When it was replayed or discarded. Retention counts from here: a month goes when all of it was resolved long ago.';

--
-- Name: COLUMN failed_items.next_attempt_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.failed_items.next_attempt_at IS 'When the redrive tries it again by itself. NULL: only a person does (payments failed replay).';

--
-- Name: COLUMN failed_items.resolved_by; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.failed_items.resolved_by IS 'Who replayed or discarded it: a login, or redrive.';

--
-- Name: COLUMN failed_items.resolution; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.failed_items.resolution IS 'Why it was discarded.';

--
-- Name: failed_items_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.failed_items_default (
    failed_item_id bigint CONSTRAINT failed_items_failed_item_id_not_null1 NOT NULL,
    stage text CONSTRAINT failed_items_stage_not_null1 NOT NULL,
    error_code text CONSTRAINT failed_items_error_code_not_null1 NOT NULL,
    message text CONSTRAINT failed_items_message_not_null1 NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb CONSTRAINT failed_items_detail_not_null1 NOT NULL,
    payload bytea CONSTRAINT failed_items_payload_not_null1 NOT NULL,
    event_hub text CONSTRAINT failed_items_event_hub_not_null1 NOT NULL,
    partition_id text CONSTRAINT failed_items_partition_id_not_null1 NOT NULL,
    sequence_number bigint CONSTRAINT failed_items_sequence_number_not_null1 NOT NULL,
    enqueued_at timestamp with time zone CONSTRAINT failed_items_enqueued_at_not_null1 NOT NULL,
    event_id uuid,
    transaction_id character varying(255),
    attempts integer DEFAULT 1 CONSTRAINT failed_items_attempts_not_null1 NOT NULL,
    status text DEFAULT 'pending'::text CONSTRAINT failed_items_status_not_null1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT failed_items_created_at_not_null1 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() CONSTRAINT failed_items_updated_at_not_null1 NOT NULL,
    resolved_at timestamp with time zone,
    next_attempt_at timestamp with time zone,
    resolved_by text,
    resolution text,
    CONSTRAINT failed_items_attempts_check CHECK ((attempts > 0)),
    CONSTRAINT failed_items_discarded_check CHECK (((status <> 'discarded'::text) OR (COALESCE(resolution, ''::text) <> ''::text))),
    CONSTRAINT failed_items_next_attempt_check CHECK (((next_attempt_at IS NULL) OR (status = 'pending'::text))),
    CONSTRAINT failed_items_resolved_check CHECK (((status = 'pending'::text) = (resolved_at IS NULL))),
    CONSTRAINT failed_items_stage_check CHECK ((stage = ANY (ARRAY['decode'::text, 'validate'::text, 'claim'::text, 'metrics'::text, 'serialize'::text, 'archive'::text, 'aggregate'::text]))),
    CONSTRAINT failed_items_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'replayed'::text, 'discarded'::text])))
);

--
-- Name: TABLE failed_items_default; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.failed_items_default IS 'Entries of months that have no partition yet.';

--
-- Name: failed_items_failed_item_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.failed_items ALTER COLUMN failed_item_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.failed_items_failed_item_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: ingested_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ingested_events (
    event_id uuid NOT NULL,
    payload_hash bigint NOT NULL,
    occurred_on date NOT NULL,
    enqueued_on date NOT NULL
)
PARTITION BY RANGE (occurred_on);

--
-- Name: TABLE ingested_events; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.ingested_events IS 'Index of the events taken in: which ids were seen, for as long as the Event Hub could deliver them again. One partition a day of occurred_on, made by ensure_partitions(), dropped by drop_expired_partitions().';

--
-- Name: COLUMN ingested_events.payload_hash; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.ingested_events.payload_hash IS 'Hash of the body: the same id with another hash is a conflicting duplicate.';

--
-- Name: COLUMN ingested_events.occurred_on; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.ingested_events.occurred_on IS 'UTC day of the event''s occurred_at. An id is unique within this day only (docs/adr/0003).';

--
-- Name: COLUMN ingested_events.enqueued_on; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.ingested_events.enqueued_on IS 'UTC day on which the Event Hub took the event. The id is forgotten when this day, not occurred_on, leaves the dedup window: late events too are recognized for the whole window.';

--
-- Name: ingested_events_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ingested_events_default (
    event_id uuid CONSTRAINT ingested_events_event_id_not_null NOT NULL,
    payload_hash bigint CONSTRAINT ingested_events_payload_hash_not_null NOT NULL,
    occurred_on date CONSTRAINT ingested_events_occurred_on_not_null NOT NULL,
    enqueued_on date CONSTRAINT ingested_events_enqueued_on_not_null NOT NULL
)
WITH (autovacuum_freeze_min_age='0');

--
-- Name: TABLE ingested_events_default; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.ingested_events_default IS 'Events of days that have no partition: very late ones, and ids that outlive their day''s partition.';

--
-- Name: ingested_sequences; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ingested_sequences (
    event_hub text NOT NULL,
    partition_id text NOT NULL,
    enqueued_on date NOT NULL,
    sequence_numbers int8multirange NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000');

--
-- Name: TABLE ingested_sequences; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.ingested_sequences IS 'Which sequence numbers of each partition have been dealt with: stored, quarantined, or recognized as duplicates. What is missing between them was never seen (payments reconcile).';

--
-- Name: COLUMN ingested_sequences.enqueued_on; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.ingested_sequences.enqueued_on IS 'UTC day on which the Event Hub took the events.';

--
-- Name: payment_metrics_5m; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.payment_metrics_5m (
    window_start timestamp with time zone NOT NULL,
    payment_method character varying(100) NOT NULL,
    currency character varying(3) NOT NULL,
    payment_status character varying(100) NOT NULL,
    total_count bigint NOT NULL,
    total_amount numeric NOT NULL,
    avg_amount numeric GENERATED ALWAYS AS ((total_amount / (total_count)::numeric)) STORED,
    min_amount numeric NOT NULL,
    max_amount numeric NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT payment_metrics_5m_count_check CHECK ((total_count > 0)),
    CONSTRAINT payment_metrics_5m_range_check CHECK ((min_amount <= max_amount)),
    CONSTRAINT payment_metrics_5m_window_check CHECK ((window_start = date_bin('00:05:00'::interval, window_start, '1970-01-01 00:00:00+00'::timestamp with time zone)))
)
WITH (fillfactor='30', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000');

--
-- Name: TABLE payment_metrics_5m; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.payment_metrics_5m IS 'Payments per window of five minutes of occurred_at, method, currency and status. Additive: a batch is added once, in the transaction that claims its events.';

--
-- Name: COLUMN payment_metrics_5m.window_start; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.payment_metrics_5m.window_start IS 'Start of the five minutes, which do not contain their end.';

--
-- Name: COLUMN payment_metrics_5m.total_amount; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.payment_metrics_5m.total_amount IS 'Exact sum, in the currency''s major unit.';

--
-- Name: COLUMN payment_metrics_5m.avg_amount; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.payment_metrics_5m.avg_amount IS 'Computed from the sum and the count. For several windows divide the sums: averages do not add up.';

--
-- Name: COLUMN payment_metrics_5m.updated_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.payment_metrics_5m.updated_at IS 'When a batch was last added; start of its transaction.';

--
-- Name: raw_event_files; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.raw_event_files (
    path text NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    min_occurred_at timestamp with time zone NOT NULL,
    max_occurred_at timestamp with time zone NOT NULL,
    event_hub text NOT NULL,
    partition_id text,
    first_sequence_number bigint,
    last_sequence_number bigint,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    made_by uuid,
    replaced_by uuid,
    replaced_at timestamp with time zone,
    CONSTRAINT raw_event_files_day_check CHECK ((date_trunc('day'::text, (min_occurred_at AT TIME ZONE 'UTC'::text)) = date_trunc('day'::text, (max_occurred_at AT TIME ZONE 'UTC'::text)))),
    CONSTRAINT raw_event_files_position_check CHECK ((num_nulls(partition_id, first_sequence_number, last_sequence_number) =
CASE
    WHEN (made_by IS NULL) THEN 0
    ELSE 3
END)),
    CONSTRAINT raw_event_files_range_check CHECK ((min_occurred_at <= max_occurred_at)),
    CONSTRAINT raw_event_files_replaced_check CHECK ((((state = 'active'::text) = (replaced_by IS NULL)) AND ((state = 'active'::text) = (replaced_at IS NULL)))),
    CONSTRAINT raw_event_files_sequence_check CHECK ((first_sequence_number <= last_sequence_number)),
    CONSTRAINT raw_event_files_size_check CHECK (((rows > 0) AND (bytes > 0))),
    CONSTRAINT raw_event_files_state_check CHECK ((state = ANY (ARRAY['active'::text, 'replaced'::text, 'removed'::text])))
);

--
-- Name: TABLE raw_event_files; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.raw_event_files IS 'The manifest of the archive: a file in Blob Storage counts only if its row is here.';

--
-- Name: COLUMN raw_event_files.path; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.raw_event_files.path IS 'Path within the container, from raw_events/ on.';

--
-- Name: COLUMN raw_event_files.bytes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.raw_event_files.bytes IS 'Size of the file.';

--
-- Name: COLUMN raw_event_files.max_occurred_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.raw_event_files.max_occurred_at IS 'Of the latest event; on the same UTC day as the earliest.';

--
-- Name: COLUMN raw_event_files.partition_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.raw_event_files.partition_id IS 'Null in a compacted file, which has events of many partitions: each row has its own.';

--
-- Name: COLUMN raw_event_files.first_sequence_number; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.raw_event_files.first_sequence_number IS 'Lowest of the file''s events; not every number between it and the last is in this file.';

--
-- Name: COLUMN raw_event_files.state; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.raw_event_files.state IS 'active: part of the archive. replaced: its events are in the files that replaced_by made; it lies there for readers that had begun. removed: the file is gone; its name is kept, for a delivery must not write it again.';

--
-- Name: COLUMN raw_event_files.made_by; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.raw_event_files.made_by IS 'The compaction that wrote it; null for the file of a batch.';

--
-- Name: COLUMN raw_event_files.replaced_by; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.raw_event_files.replaced_by IS 'The compaction whose files (made_by) have its events now.';

--
-- Name: rebuilt_aggregate_histograms; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.rebuilt_aggregate_histograms (
    metric_type character varying(100) CONSTRAINT aggregate_histograms_metric_type_not_null NOT NULL,
    event_type character varying(100) CONSTRAINT aggregate_histograms_event_type_not_null NOT NULL,
    time_window_start timestamp with time zone CONSTRAINT aggregate_histograms_time_window_start_not_null NOT NULL,
    time_window_end timestamp with time zone CONSTRAINT aggregate_histograms_time_window_end_not_null NOT NULL,
    event_count bigint CONSTRAINT aggregate_histograms_event_count_not_null NOT NULL,
    sum_value numeric CONSTRAINT aggregate_histograms_sum_value_not_null NOT NULL,
    min_value numeric CONSTRAINT aggregate_histograms_min_value_not_null NOT NULL,
    max_value numeric CONSTRAINT aggregate_histograms_max_value_not_null NOT NULL,
    buckets numeric CONSTRAINT aggregate_histograms_buckets_not_null NOT NULL,
    zero_count bigint CONSTRAINT aggregate_histograms_zero_count_not_null NOT NULL,
    negative_buckets numeric CONSTRAINT aggregate_histograms_negative_buckets_not_null NOT NULL,
    updated_at timestamp with time zone DEFAULT now() CONSTRAINT aggregate_histograms_updated_at_not_null NOT NULL,
    CONSTRAINT aggregate_histograms_buckets_check CHECK (((buckets >= (0)::numeric) AND (negative_buckets >= (0)::numeric))),
    CONSTRAINT aggregate_histograms_count_check CHECK (((event_count > 0) AND (event_count < '1000000000000'::bigint))),
    CONSTRAINT aggregate_histograms_range_check CHECK ((min_value <= max_value)),
    CONSTRAINT aggregate_histograms_window_check CHECK ((time_window_start < time_window_end)),
    CONSTRAINT aggregate_histograms_zero_check CHECK (((zero_count >= 0) AND (zero_count <= event_count)))
);

--
-- Name: TABLE rebuilt_aggregate_histograms; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.rebuilt_aggregate_histograms IS 'What a rebuild under way makes of aggregate_histograms.';

--
-- Name: rebuilt_deferred; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.rebuilt_deferred (
    event_id uuid NOT NULL
);

--
-- Name: TABLE rebuilt_deferred; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.rebuilt_deferred IS 'Events that a rebuild under way has counted before they had a file: they are left out when the file comes.';

--
-- Name: rebuilt_files; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.rebuilt_files (
    path text NOT NULL
);

--
-- Name: TABLE rebuilt_files; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.rebuilt_files IS 'Files of batches whose events a rebuild under way has counted.';

--
-- Name: rebuilt_payment_metrics_5m; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.rebuilt_payment_metrics_5m (
    window_start timestamp with time zone CONSTRAINT payment_metrics_5m_window_start_not_null NOT NULL,
    payment_method character varying(100) CONSTRAINT payment_metrics_5m_payment_method_not_null NOT NULL,
    currency character varying(3) CONSTRAINT payment_metrics_5m_currency_not_null NOT NULL,
    payment_status character varying(100) CONSTRAINT payment_metrics_5m_payment_status_not_null NOT NULL,
    total_count bigint CONSTRAINT payment_metrics_5m_total_count_not_null NOT NULL,
    total_amount numeric CONSTRAINT payment_metrics_5m_total_amount_not_null NOT NULL,
    avg_amount numeric GENERATED ALWAYS AS ((total_amount / (total_count)::numeric)) STORED,
    min_amount numeric CONSTRAINT payment_metrics_5m_min_amount_not_null NOT NULL,
    max_amount numeric CONSTRAINT payment_metrics_5m_max_amount_not_null NOT NULL,
    updated_at timestamp with time zone DEFAULT now() CONSTRAINT payment_metrics_5m_updated_at_not_null NOT NULL,
    CONSTRAINT payment_metrics_5m_count_check CHECK ((total_count > 0)),
    CONSTRAINT payment_metrics_5m_range_check CHECK ((min_amount <= max_amount)),
    CONSTRAINT payment_metrics_5m_window_check CHECK ((window_start = date_bin('00:05:00'::interval, window_start, '1970-01-01 00:00:00+00'::timestamp with time zone)))
);

--
-- Name: TABLE rebuilt_payment_metrics_5m; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.rebuilt_payment_metrics_5m IS 'What a rebuild under way makes of payment_metrics_5m.';

--
-- Name: schema_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_migrations (
    version character varying NOT NULL
);

--
-- Name: dynamic_metrics_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dynamic_metrics ATTACH PARTITION public.dynamic_metrics_default DEFAULT;

--
-- Name: failed_items_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.failed_items ATTACH PARTITION public.failed_items_default DEFAULT;

--
-- Name: ingested_events_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ingested_events ATTACH PARTITION public.ingested_events_default DEFAULT;

--
-- Name: dynamic_metrics metric_id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dynamic_metrics ALTER COLUMN metric_id SET DEFAULT nextval('public.dynamic_metrics_metric_id_seq'::regclass);

--
-- Name: aggregate_histograms aggregate_histograms_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.aggregate_histograms
    ADD CONSTRAINT aggregate_histograms_pkey PRIMARY KEY (metric_type, event_type, time_window_start, time_window_end);

--
-- Name: dynamic_metrics dynamic_metrics_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dynamic_metrics
    ADD CONSTRAINT dynamic_metrics_pkey PRIMARY KEY (metric_id, created_at);

--
-- Name: dynamic_metrics_default dynamic_metrics_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dynamic_metrics_default
    ADD CONSTRAINT dynamic_metrics_default_pkey PRIMARY KEY (metric_id, created_at);

--
-- Name: failed_items failed_items_position_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.failed_items
    ADD CONSTRAINT failed_items_position_key UNIQUE (event_hub, partition_id, sequence_number, enqueued_at);

--
-- Name: failed_items_default failed_items_default_event_hub_partition_id_sequence_number_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.failed_items_default
    ADD CONSTRAINT failed_items_default_event_hub_partition_id_sequence_number_key UNIQUE (event_hub, partition_id, sequence_number, enqueued_at);

--
-- Name: failed_items failed_items_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.failed_items
    ADD CONSTRAINT failed_items_pkey PRIMARY KEY (failed_item_id, enqueued_at);

--
-- Name: failed_items_default failed_items_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.failed_items_default
    ADD CONSTRAINT failed_items_default_pkey PRIMARY KEY (failed_item_id, enqueued_at);

--
-- Name: ingested_events ingested_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ingested_events
    ADD CONSTRAINT ingested_events_pkey PRIMARY KEY (event_id, occurred_on);

--
-- Name: ingested_events_default ingested_events_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ingested_events_default
    ADD CONSTRAINT ingested_events_default_pkey PRIMARY KEY (event_id, occurred_on);

--
-- Name: ingested_sequences ingested_sequences_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ingested_sequences
    ADD CONSTRAINT ingested_sequences_pkey PRIMARY KEY (event_hub, partition_id, enqueued_on);

--
-- Name: payment_metrics_5m payment_metrics_5m_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.payment_metrics_5m
    ADD CONSTRAINT payment_metrics_5m_pkey PRIMARY KEY (window_start, payment_method, currency, payment_status);

--
-- Name: raw_event_files raw_event_files_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.raw_event_files
    ADD CONSTRAINT raw_event_files_pkey PRIMARY KEY (path);

--
-- Name: rebuilt_aggregate_histograms rebuilt_aggregate_histograms_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rebuilt_aggregate_histograms
    ADD CONSTRAINT rebuilt_aggregate_histograms_pkey PRIMARY KEY (metric_type, event_type, time_window_start, time_window_end);

--
-- Name: rebuilt_deferred rebuilt_deferred_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rebuilt_deferred
    ADD CONSTRAINT rebuilt_deferred_pkey PRIMARY KEY (event_id);

--
-- Name: rebuilt_files rebuilt_files_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rebuilt_files
    ADD CONSTRAINT rebuilt_files_pkey PRIMARY KEY (path);

--
-- Name: rebuilt_payment_metrics_5m rebuilt_payment_metrics_5m_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rebuilt_payment_metrics_5m
    ADD CONSTRAINT rebuilt_payment_metrics_5m_pkey PRIMARY KEY (window_start, payment_method, currency, payment_status);

--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

--
-- Name: dynamic_metrics_created_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dynamic_metrics_created_at_idx ON ONLY public.dynamic_metrics USING brin (created_at timestamptz_minmax_multi_ops) WITH (pages_per_range='32');

--
-- Name: dynamic_metrics_default_created_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dynamic_metrics_default_created_at_idx ON public.dynamic_metrics_default USING brin (created_at timestamptz_minmax_multi_ops) WITH (pages_per_range='32');

--
-- Name: dynamic_metrics_transaction_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dynamic_metrics_transaction_id_idx ON ONLY public.dynamic_metrics USING brin (transaction_id text_bloom_ops (n_distinct_per_range='1024', false_positive_rate='0.0005')) WITH (pages_per_range='32');

--
-- Name: dynamic_metrics_default_transaction_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dynamic_metrics_default_transaction_id_idx ON public.dynamic_metrics_default USING brin (transaction_id text_bloom_ops (n_distinct_per_range='1024', false_positive_rate='0.0005')) WITH (pages_per_range='32');

--
-- Name: failed_items_next_attempt_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX failed_items_next_attempt_idx ON ONLY public.failed_items USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);

--
-- Name: failed_items_default_next_attempt_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX failed_items_default_next_attempt_at_idx ON public.failed_items_default USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);

--
-- Name: failed_items_status_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX failed_items_status_idx ON ONLY public.failed_items USING btree (status, error_code, created_at);

--
-- Name: failed_items_default_status_error_code_created_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX failed_items_default_status_error_code_created_at_idx ON public.failed_items_default USING btree (status, error_code, created_at);

--
-- Name: ingested_events_enqueued_on_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ingested_events_enqueued_on_idx ON ONLY public.ingested_events USING brin (enqueued_on);

--
-- Name: ingested_events_default_enqueued_on_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ingested_events_default_enqueued_on_idx ON public.ingested_events_default USING brin (enqueued_on);

--
-- Name: raw_event_files_made_by_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX raw_event_files_made_by_idx ON public.raw_event_files USING btree (made_by) WHERE (made_by IS NOT NULL);

--
-- Name: raw_event_files_occurred_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX raw_event_files_occurred_at_idx ON public.raw_event_files USING btree (min_occurred_at, max_occurred_at);

--
-- Name: raw_event_files_replaced_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX raw_event_files_replaced_idx ON public.raw_event_files USING btree (replaced_at) WHERE (state = 'replaced'::text);

--
-- Name: raw_event_files_to_compact_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX raw_event_files_to_compact_idx ON public.raw_event_files USING btree (min_occurred_at) WHERE ((state = 'active'::text) AND (made_by IS NULL));

--
-- Name: dynamic_metrics_default_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.dynamic_metrics_created_at_idx ATTACH PARTITION public.dynamic_metrics_default_created_at_idx;

--
-- Name: dynamic_metrics_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.dynamic_metrics_pkey ATTACH PARTITION public.dynamic_metrics_default_pkey;

--
-- Name: dynamic_metrics_default_transaction_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.dynamic_metrics_transaction_id_idx ATTACH PARTITION public.dynamic_metrics_default_transaction_id_idx;

--
-- Name: failed_items_default_event_hub_partition_id_sequence_number_key; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.failed_items_position_key ATTACH PARTITION public.failed_items_default_event_hub_partition_id_sequence_number_key;

--
-- Name: failed_items_default_next_attempt_at_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.failed_items_next_attempt_idx ATTACH PARTITION public.failed_items_default_next_attempt_at_idx;

--
-- Name: failed_items_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.failed_items_pkey ATTACH PARTITION public.failed_items_default_pkey;

--
-- Name: failed_items_default_status_error_code_created_at_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.failed_items_status_idx ATTACH PARTITION public.failed_items_default_status_error_code_created_at_idx;

--
-- Name: ingested_events_default_enqueued_on_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.ingested_events_enqueued_on_idx ATTACH PARTITION public.ingested_events_default_enqueued_on_idx;

--
-- Name: ingested_events_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.ingested_events_pkey ATTACH PARTITION public.ingested_events_default_pkey;

--
-- Name: failed_items failed_items_stamp_resolved_at; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER failed_items_stamp_resolved_at BEFORE UPDATE OF resolved_at ON public.failed_items FOR EACH ROW WHEN (((new.resolved_at IS NOT NULL) AND pg_has_role('payments_writer'::name, 'USAGE'::text))) EXECUTE FUNCTION public.stamp_resolved_at();

--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -
--

REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO payments_writer;
GRANT USAGE ON SCHEMA public TO payments_reader;

--
-- Name: FUNCTION drop_expired_failed_items(retention_days integer, today date); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.drop_expired_failed_items(retention_days integer, today date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.drop_expired_failed_items(retention_days integer, today date) TO payments_writer;

--
-- Name: FUNCTION drop_expired_partitions(dedup_window_days integer, metrics_retention_days integer, today date); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.drop_expired_partitions(dedup_window_days integer, metrics_retention_days integer, today date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.drop_expired_partitions(dedup_window_days integer, metrics_retention_days integer, today date) TO payments_writer;

--
-- Name: FUNCTION ensure_failed_items_partitions(today date); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.ensure_failed_items_partitions(today date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_failed_items_partitions(today date) TO payments_writer;

--
-- Name: FUNCTION ensure_partitions(from_day date, to_day date); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.ensure_partitions(from_day date, to_day date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_partitions(from_day date, to_day date) TO payments_writer;

--
-- Name: FUNCTION expired_partitions(parent text, first_day date); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.expired_partitions(parent text, first_day date) FROM PUBLIC;

--
-- Name: FUNCTION histogram_buckets(buckets numeric); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.histogram_buckets(buckets numeric) FROM PUBLIC;
GRANT ALL ON FUNCTION public.histogram_buckets(buckets numeric) TO payments_writer;
GRANT ALL ON FUNCTION public.histogram_buckets(buckets numeric) TO payments_reader;

--
-- Name: FUNCTION histogram_quantile(q double precision, buckets numeric, zero_count numeric, negative_buckets numeric); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.histogram_quantile(q double precision, buckets numeric, zero_count numeric, negative_buckets numeric) FROM PUBLIC;
GRANT ALL ON FUNCTION public.histogram_quantile(q double precision, buckets numeric, zero_count numeric, negative_buckets numeric) TO payments_writer;
GRANT ALL ON FUNCTION public.histogram_quantile(q double precision, buckets numeric, zero_count numeric, negative_buckets numeric) TO payments_reader;

--
-- Name: FUNCTION lock_for_a_moment(tables text[]); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.lock_for_a_moment(tables text[]) FROM PUBLIC;

--
-- Name: FUNCTION lock_for_rebuild(days date[], aggregates text[]); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.lock_for_rebuild(days date[], aggregates text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_for_rebuild(days date[], aggregates text[]) TO payments_operator;

--
-- Name: FUNCTION make_rebuilt_partition(day date); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.make_rebuilt_partition(day date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.make_rebuilt_partition(day date) TO payments_operator;

--
-- Name: FUNCTION missing_failed_items_months(today date); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.missing_failed_items_months(today date) FROM PUBLIC;

--
-- Name: FUNCTION move_out_of_default(parent text, day date); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.move_out_of_default(parent text, day date) FROM PUBLIC;

--
-- Name: FUNCTION partition_name(parent text, day date); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.partition_name(parent text, day date) FROM PUBLIC;

--
-- Name: FUNCTION stamp_resolved_at(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.stamp_resolved_at() FROM PUBLIC;

--
-- Name: FUNCTION swap_rebuilt(days date[], aggregates text[], range_start timestamp with time zone, range_end timestamp with time zone, lengths interval[]); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.swap_rebuilt(days date[], aggregates text[], range_start timestamp with time zone, range_end timestamp with time zone, lengths interval[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.swap_rebuilt(days date[], aggregates text[], range_start timestamp with time zone, range_end timestamp with time zone, lengths interval[]) TO payments_operator;

--
-- Name: FUNCTION utc_midnight(day date); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.utc_midnight(day date) FROM PUBLIC;

--
-- Name: TABLE aggregate_histograms; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.aggregate_histograms TO payments_writer;
GRANT SELECT ON TABLE public.aggregate_histograms TO payments_reader;

--
-- Name: COLUMN aggregate_histograms.event_count; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(event_count) ON TABLE public.aggregate_histograms TO payments_writer;

--
-- Name: COLUMN aggregate_histograms.sum_value; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(sum_value) ON TABLE public.aggregate_histograms TO payments_writer;

--
-- Name: COLUMN aggregate_histograms.min_value; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(min_value) ON TABLE public.aggregate_histograms TO payments_writer;

--
-- Name: COLUMN aggregate_histograms.max_value; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(max_value) ON TABLE public.aggregate_histograms TO payments_writer;

--
-- Name: COLUMN aggregate_histograms.buckets; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(buckets) ON TABLE public.aggregate_histograms TO payments_writer;

--
-- Name: COLUMN aggregate_histograms.zero_count; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(zero_count) ON TABLE public.aggregate_histograms TO payments_writer;

--
-- Name: COLUMN aggregate_histograms.negative_buckets; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(negative_buckets) ON TABLE public.aggregate_histograms TO payments_writer;

--
-- Name: COLUMN aggregate_histograms.updated_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(updated_at) ON TABLE public.aggregate_histograms TO payments_writer;

--
-- Name: TABLE dynamic_metrics; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.dynamic_metrics TO payments_writer;
GRANT SELECT ON TABLE public.dynamic_metrics TO payments_reader;

--
-- Name: SEQUENCE dynamic_metrics_metric_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT USAGE ON SEQUENCE public.dynamic_metrics_metric_id_seq TO payments_writer;

--
-- Name: TABLE failed_items; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.failed_item_id; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(failed_item_id) ON TABLE public.failed_items TO payments_reader;

--
-- Name: COLUMN failed_items.stage; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(stage) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(stage) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.error_code; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(error_code) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(error_code) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.message; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(message) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(message) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.detail; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(detail) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(detail) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.payload; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(payload) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.event_hub; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(event_hub) ON TABLE public.failed_items TO payments_reader;

--
-- Name: COLUMN failed_items.partition_id; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(partition_id) ON TABLE public.failed_items TO payments_reader;

--
-- Name: COLUMN failed_items.sequence_number; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(sequence_number) ON TABLE public.failed_items TO payments_reader;

--
-- Name: COLUMN failed_items.enqueued_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(enqueued_at) ON TABLE public.failed_items TO payments_reader;

--
-- Name: COLUMN failed_items.event_id; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(event_id) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(event_id) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.transaction_id; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(transaction_id) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(transaction_id) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.attempts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(attempts) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(attempts) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.status; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(status) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(status) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(created_at) ON TABLE public.failed_items TO payments_reader;

--
-- Name: COLUMN failed_items.updated_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(updated_at) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(updated_at) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.resolved_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(resolved_at) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(resolved_at) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.next_attempt_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(next_attempt_at) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(next_attempt_at) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.resolved_by; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(resolved_by) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(resolved_by) ON TABLE public.failed_items TO payments_writer;

--
-- Name: COLUMN failed_items.resolution; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(resolution) ON TABLE public.failed_items TO payments_reader;
GRANT UPDATE(resolution) ON TABLE public.failed_items TO payments_writer;

--
-- Name: TABLE ingested_events; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.ingested_events TO payments_writer;
GRANT SELECT ON TABLE public.ingested_events TO payments_reader;

--
-- Name: TABLE ingested_sequences; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.ingested_sequences TO payments_writer;
GRANT SELECT ON TABLE public.ingested_sequences TO payments_reader;

--
-- Name: COLUMN ingested_sequences.sequence_numbers; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(sequence_numbers) ON TABLE public.ingested_sequences TO payments_writer;

--
-- Name: TABLE payment_metrics_5m; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.payment_metrics_5m TO payments_writer;
GRANT SELECT ON TABLE public.payment_metrics_5m TO payments_reader;

--
-- Name: COLUMN payment_metrics_5m.total_count; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(total_count) ON TABLE public.payment_metrics_5m TO payments_writer;

--
-- Name: COLUMN payment_metrics_5m.total_amount; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(total_amount) ON TABLE public.payment_metrics_5m TO payments_writer;

--
-- Name: COLUMN payment_metrics_5m.min_amount; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(min_amount) ON TABLE public.payment_metrics_5m TO payments_writer;

--
-- Name: COLUMN payment_metrics_5m.max_amount; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(max_amount) ON TABLE public.payment_metrics_5m TO payments_writer;

--
-- Name: COLUMN payment_metrics_5m.updated_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(updated_at) ON TABLE public.payment_metrics_5m TO payments_writer;

--
-- Name: TABLE raw_event_files; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.raw_event_files TO payments_writer;
GRANT SELECT ON TABLE public.raw_event_files TO payments_reader;

--
-- Name: COLUMN raw_event_files.state; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(state) ON TABLE public.raw_event_files TO payments_writer;

--
-- Name: COLUMN raw_event_files.replaced_by; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(replaced_by) ON TABLE public.raw_event_files TO payments_writer;

--
-- Name: COLUMN raw_event_files.replaced_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(replaced_at) ON TABLE public.raw_event_files TO payments_writer;

--
-- Name: TABLE rebuilt_aggregate_histograms; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rebuilt_aggregate_histograms TO payments_operator;

--
-- Name: TABLE rebuilt_deferred; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rebuilt_deferred TO payments_operator;

--
-- Name: TABLE rebuilt_files; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rebuilt_files TO payments_operator;

--
-- Name: TABLE rebuilt_payment_metrics_5m; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rebuilt_payment_metrics_5m TO payments_operator;

--
-- PostgreSQL database dump complete
--

INSERT INTO public.schema_migrations (version) VALUES
    ('20261123000100'),
    ('20261123000200'),
    ('20261123000300'),
    ('20261123000400'),
    ('20261123000500'),
    ('20261123000600'),
    ('20261123000700'),
    ('20261123000800'),
    ('20261123000900'),
    ('20261123001000'),
    ('20261124001100'),
    ('20261124001200'),
    ('20261126001400'),
    ('20261126001401'),
    ('20261126001402'),
    ('20261126001410'),
    ('20261126001420'),
    ('20261126001600'),
    ('20261126001900'),
    ('20261126001910'),
    ('20261126002000'),
    ('20261126002010'),
    ('20261126002020'),
    ('20261126002030');
