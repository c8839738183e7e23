-- migrate:up
-- contract: the function's code of no release rebuilds; the login of the job `operate`, whose commands do, is made a
-- member of payments_operator by the bootstrap, which runs before this.

-- An engineer's commands. The function works as payments_writer all the time and on whatever a producer sends, and has
-- no use for what a rebuild can do: to put empty tables in the place of full ones (docs/adr/0029).
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'payments_operator') THEN
        BEGIN
            CREATE ROLE payments_operator NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database's migration was faster
        END;
    END IF;
    IF NOT pg_has_role('payments_operator', 'payments_writer', 'USAGE') THEN
        BEGIN
            GRANT payments_writer TO payments_operator;
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION USING
        ERRCODE = 'insufficient_privilege',
        MESSAGE = 'this login may not make the role payments_operator a member of payments_writer. In Azure the bootstrap '
            'job does it; elsewhere an administrator: '
            'CREATE ROLE payments_operator NOLOGIN; GRANT payments_writer TO payments_operator';
END
$$;

REVOKE ALL ON rebuilt_payment_metrics_5m, rebuilt_aggregate_histograms, rebuilt_files, rebuilt_deferred
    FROM payments_writer;
GRANT SELECT, INSERT, UPDATE, TRUNCATE
    ON rebuilt_payment_metrics_5m, rebuilt_aggregate_histograms, rebuilt_files, rebuilt_deferred TO payments_operator;

REVOKE ALL ON FUNCTION
    make_rebuilt_partition(date), lock_for_rebuild(date[], text[]),
    swap_rebuilt(date[], text[], timestamptz, timestamptz, interval[])
    FROM payments_writer;
GRANT EXECUTE ON FUNCTION
    make_rebuilt_partition(date), lock_for_rebuild(date[], text[]),
    swap_rebuilt(date[], text[], timestamptz, timestamptz, interval[])
    TO payments_operator;

-- What a rebuild under way, or one that failed, has made: the operator's from now on.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname ~ '^dynamic_metrics_[0-9]{8}_rebuilt$' AND relkind = 'r'
    LOOP
        EXECUTE format('REVOKE ALL ON %I FROM payments_writer', name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO payments_operator', name);
    END LOOP;
END
$$;

-- As before, with that role.
CREATE OR REPLACE FUNCTION make_rebuilt_partition(day date) RETURNS text
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
    EXECUTE format('GRANT SELECT, INSERT ON %I TO payments_operator', name);
    RETURN name;
END
$$;

CREATE OR REPLACE FUNCTION swap_rebuilt(
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

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
