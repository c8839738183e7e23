-- migrate:up

-- Group roles; logins (managed identities in Azure) are made members of them. Roles belong to the whole server, so
-- another database's migration may have created them, or may be creating them at this moment.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['payments_writer', 'payments_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- the other one was faster
            END;
        END IF;
    END LOOP;
END
$$;

-- Limits of the database, not of the logins: in Azure the logins are not ours to alter, and a pooler that lends
-- connections by transaction forgets what a session sets. A session that needs longer says SET LOCAL.
--   lock_timeout         another writer that hangs costs one retry, and the error names the lock
--   statement_timeout    no statement of the ingest comes near it
--   idle_in_transaction  a worker that died or hangs in mid-transaction lets go of its claims and hot rows
DO $$
DECLARE
    setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY[
        'lock_timeout = ''10s''', 'statement_timeout = ''60s''', 'idle_in_transaction_session_timeout = ''60s'''
    ] LOOP
        EXECUTE format('ALTER DATABASE %I SET %s', current_database(), setting);
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO payments_writer, payments_reader', current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO payments_writer, payments_reader;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
