-- Compaction: many small files of a day become few. What counts changes in one statement, `swap`.

-- days --
-- Days and hubs with at least so many files of batches, the oldest day first; without a range all of them.
SELECT (min_occurred_at AT TIME ZONE 'UTC')::date AS day, event_hub
FROM raw_event_files
WHERE state = 'active' AND made_by IS NULL
    AND (%(start)s::timestamptz IS NULL OR min_occurred_at >= %(start)s)
    AND (%(end)s::timestamptz IS NULL OR min_occurred_at < %(end)s)
GROUP BY day, event_hub
HAVING count(*) >= %(least)s
ORDER BY day, event_hub

-- small_files --
-- What of a day is to be merged: files of batches, and what earlier compactions left that is still small. By name,
-- which is by time of arrival.
SELECT
    path, rows, bytes, extract(hour FROM min_occurred_at AT TIME ZONE 'UTC')::int AS hour, max_occurred_at,
    made_by IS NULL AS of_batch
FROM raw_event_files
WHERE state = 'active' AND event_hub = %(event_hub)s
    AND min_occurred_at >= %(start)s AND min_occurred_at < %(end)s
    AND bytes < %(small)s
ORDER BY path COLLATE "C"

-- lock_files --
-- Those of the files that still count. Whoever else wants to replace one of them waits here, and then finds fewer.
SELECT path FROM raw_event_files WHERE path = ANY (%(paths)b) AND state = 'active' ORDER BY path FOR UPDATE

-- swap --
-- From this commit on the new files count, and the old ones do not.
WITH made AS (
    INSERT INTO raw_event_files (path, rows, bytes, min_occurred_at, max_occurred_at, event_hub, made_by)
    SELECT path, rows, bytes, min_occurred_at, max_occurred_at, %(event_hub)b, %(compaction)b
    FROM unnest(
        %(new_paths)b::text[], %(rows)b::bigint[], %(bytes)b::bigint[], %(min_occurred_at)b::timestamptz[],
        %(max_occurred_at)b::timestamptz[]
    ) AS file (path, rows, bytes, min_occurred_at, max_occurred_at)
)
UPDATE raw_event_files SET state = 'replaced', replaced_by = %(compaction)b, replaced_at = now()
WHERE path = ANY (%(paths)b)

-- due_compaction --
-- The compaction whose replaced files have lain there for longest, if their time is over.
SELECT replaced_by FROM raw_event_files
WHERE state = 'replaced' AND replaced_at < %(before)s
ORDER BY replaced_at, replaced_by
LIMIT 1

-- replaced_files --
-- Of one compaction, what it replaced and what is still there.
SELECT path FROM raw_event_files
WHERE state = 'replaced' AND replaced_by = %(compaction)s AND replaced_at < %(before)s
ORDER BY path COLLATE "C"

-- made_files --
-- What a compaction made; the state tells what has since been merged again.
SELECT path, bytes, event_hub, state FROM raw_event_files WHERE made_by = %(compaction)s ORDER BY path COLLATE "C"

-- removed --
-- Their blobs are gone; the names stay.
UPDATE raw_event_files SET state = 'removed' WHERE path = ANY (%(paths)b) AND state = 'replaced'

-- kept --
-- They must not be removed yet: asked again after another grace period.
UPDATE raw_event_files SET replaced_at = %(now)b WHERE path = ANY (%(paths)b) AND state = 'replaced'
