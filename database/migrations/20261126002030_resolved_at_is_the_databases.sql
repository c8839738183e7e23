-- migrate:up

-- Retention counts from resolved_at, so whoever could write an old time into it could have entries dropped that were
-- pending a moment ago. Writers get the time of their transaction, which is what all code sets; the owner may correct it.
CREATE FUNCTION stamp_resolved_at() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.resolved_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION stamp_resolved_at() IS 'An entry of failed_items is resolved when it is, whatever a writer says.';
REVOKE ALL ON FUNCTION stamp_resolved_at() FROM PUBLIC;

-- Partitions that are there, and those that are attached later, get it from here.
CREATE TRIGGER failed_items_stamp_resolved_at BEFORE UPDATE OF resolved_at ON failed_items
    FOR EACH ROW WHEN (NEW.resolved_at IS NOT NULL AND pg_has_role('payments_writer', 'USAGE'))
    EXECUTE FUNCTION stamp_resolved_at();

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
