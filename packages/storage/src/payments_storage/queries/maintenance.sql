-- Called once a day by the app's timer. The work is done by functions of the database (database/migrations).

-- without_time_limit --
-- A large day takes longer than the ingest may (the database's statement_timeout); locks are waited for only briefly.
SET LOCAL statement_timeout = 0

-- ensure_partitions --
-- Every day from the first to the last has its partitions; changes nothing where they exist.
SELECT * FROM ensure_partitions(%(first)s::date, %(last)s::date)

-- drop_expired_partitions --
-- Forgets what is past retention, and no event id that the hub could still deliver again.
SELECT * FROM drop_expired_partitions(%(dedup_days)s, %(metrics_days)s, %(today)s::date)

-- ensure_failed_items_partitions --
-- This month and the next have their partitions, and so has every month that the default partition had entries of.
SELECT * FROM ensure_failed_items_partitions(%(today)s::date)

-- drop_expired_failed_items --
-- Forgets months of failed items that were all resolved before retention.
SELECT * FROM drop_expired_failed_items(%(retention_days)s, %(today)s::date)
