-- migrate:up

-- "What do we know of this transaction?" A hash index touches a random page for each transaction, and after each
-- checkpoint logs that page whole: with 50 million rows in the day it took half of the whole COPY and two thirds of the
-- WAL. Bloom filters of 32 pages each are written by vacuum, not by the insert, and find a transaction among 50 million
-- rows in 50 ms (docs/adr/0022). More pages would need filters larger than a page, which then filter nothing.
-- On a table with rows this waits for writers and builds at 1.7 million rows a second.
DROP INDEX dynamic_metrics_transaction_id_idx;
CREATE INDEX dynamic_metrics_transaction_id_idx ON dynamic_metrics
    USING brin (transaction_id text_bloom_ops (n_distinct_per_range = 1024, false_positive_rate = 0.0005))
    WITH (pages_per_range = 32);

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
