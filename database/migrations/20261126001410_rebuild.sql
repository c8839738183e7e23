-- migrate:up

-- Where `payments rebuild` computes aggregates anew before they take the place of those that are there. Not logged: a
-- server that crashed has them empty, and the rebuild is done again.
CREATE UNLOGGED TABLE rebuilt_payment_metrics_5m (LIKE payment_metrics_5m INCLUDING ALL EXCLUDING COMMENTS);
CREATE UNLOGGED TABLE rebuilt_aggregate_histograms (LIKE aggregate_histograms INCLUDING ALL EXCLUDING COMMENTS);
CREATE UNLOGGED TABLE rebuilt_files (path text PRIMARY KEY);
CREATE UNLOGGED TABLE rebuilt_deferred (event_id uuid PRIMARY KEY);

COMMENT ON TABLE rebuilt_payment_metrics_5m IS 'What a rebuild under way makes of payment_metrics_5m.';
COMMENT ON TABLE rebuilt_aggregate_histograms IS 'What a rebuild under way makes of aggregate_histograms.';
COMMENT ON TABLE rebuilt_files IS 'Files of batches whose events a rebuild under way has counted.';
COMMENT ON TABLE rebuilt_deferred IS
    'Events that a rebuild under way has counted before they had a file: they are left out when the file comes.';

GRANT SELECT, INSERT, UPDATE, TRUNCATE
    ON rebuilt_payment_metrics_5m, rebuilt_aggregate_histograms, rebuilt_files, rebuilt_deferred TO payments_writer;

-- The writer may neither delete nor make tables. These do it for it, in the tables and the range of a rebuild only.

CREATE FUNCTION make_rebuilt_partition(day date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
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
    EXECUTE format('GRANT SELECT, INSERT ON %I TO payments_writer', name);
    RETURN name;
END
$$;
COMMENT ON FUNCTION make_rebuilt_partition(date) IS
    'Makes an empty table to take the place of the day''s partition of dynamic_metrics, and returns its name; null '
    'where the day has no partition: it is past retention.';

CREATE FUNCTION lock_for_rebuild(days date[], aggregates text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
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
COMMENT ON FUNCTION lock_for_rebuild(date[], text[]) IS
    'Keeps everybody out until the end of the transaction: what a batch has added is committed, or comes afterwards.';

CREATE FUNCTION swap_rebuilt(
    days date[], aggregates text[], range_start timestamptz, range_end timestamptz, lengths interval[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
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
        EXECUTE format('REVOKE ALL ON %I FROM payments_writer', name);
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
COMMENT ON FUNCTION swap_rebuilt(date[], text[], timestamptz, timestamptz, interval[]) IS
    'Puts what was rebuilt in the place of what is there, in the range. Call lock_for_rebuild() before.';

REVOKE ALL ON FUNCTION
    make_rebuilt_partition(date), lock_for_rebuild(date[], text[]),
    swap_rebuilt(date[], text[], timestamptz, timestamptz, interval[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    make_rebuilt_partition(date), lock_for_rebuild(date[], text[]),
    swap_rebuilt(date[], text[], timestamptz, timestamptz, interval[])
    TO payments_writer;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
