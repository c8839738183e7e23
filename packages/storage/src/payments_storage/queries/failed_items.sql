-- What people ask of the dead-letter queue, and do with it (payments failed). Only payloads, locks and updates need the
-- writer's rights.

-- chosen --
-- The entries that a person's filters speak of; a filter that is NULL leaves everything in.
(%(ids)s::bigint[] IS NULL OR failed_item_id = ANY (%(ids)s))
    AND (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s))
    AND (%(codes)s::text[] IS NULL OR error_code = ANY (%(codes)s))
    AND (%(stages)s::text[] IS NULL OR stage = ANY (%(stages)s))
    AND (%(event_hub)s::text IS NULL OR event_hub = %(event_hub)s)
    AND (%(partition_id)s::text IS NULL OR partition_id = %(partition_id)s)
    AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
    AND (%(transaction_id)s::text IS NULL OR transaction_id = %(transaction_id)s)
    AND (%(event_id)s::uuid IS NULL OR event_id = %(event_id)s)

-- summary --
-- The queue at a glance, pending entries first.
SELECT
    stage, error_code, status, count(*) AS events, min(created_at) AS oldest, max(created_at) AS newest,
    max(attempts) AS attempts, count(next_attempt_at) AS by_redrive
FROM failed_items
WHERE (chosen)
GROUP BY stage, error_code, status
ORDER BY status = 'pending' DESC, events DESC, stage, error_code, status

-- items --
-- All but the payload; ids grow with time, so that direction 1 is the oldest first and -1 the newest.
SELECT
    failed_item_id, status, stage, error_code, message, detail, event_hub, partition_id, sequence_number, enqueued_at,
    event_id::text AS event_id, transaction_id, attempts, next_attempt_at, created_at, updated_at, resolved_at,
    resolved_by, resolution
FROM failed_items
WHERE (chosen)
ORDER BY failed_item_id * %(direction)s
LIMIT %(limit)s

-- payload --
-- The exact bytes of one entry.
SELECT payload FROM failed_items WHERE failed_item_id = %(id)s

-- choose --
-- What a replay or a discard is about to touch, in the order in which the events were enqueued.
SELECT failed_item_id, attempts, stage, error_code, event_hub, partition_id, octet_length(payload) AS bytes
FROM failed_items
WHERE (chosen) AND status = 'pending'
ORDER BY event_hub, partition_id, enqueued_at, sequence_number

-- read --
-- The events of entries of one partition, as they were delivered.
SELECT failed_item_id, payload, sequence_number, enqueued_at, coalesce((detail ->> 'redactions')::int, 0)
FROM failed_items
WHERE failed_item_id = ANY (%(ids)s)
ORDER BY enqueued_at, sequence_number

-- keep_locks --
-- While the entries are locked the pipeline works on another connection, for longer than a transaction may be idle.
SET LOCAL idle_in_transaction_session_timeout = '10min'

-- lock --
-- The same, locked, without those that somebody else is working on or has dealt with since they were chosen.
SELECT
    item.failed_item_id, item.payload, item.sequence_number, item.enqueued_at,
    coalesce((item.detail ->> 'redactions')::int, 0)
FROM failed_items AS item
JOIN unnest(%(ids)s::bigint[], %(attempts)s::int[]) AS known (failed_item_id, attempts)
    ON known.failed_item_id = item.failed_item_id AND known.attempts = item.attempts
WHERE item.status = 'pending' AND item.stage <> 'archive'
ORDER BY item.enqueued_at, item.sequence_number
FOR UPDATE OF item SKIP LOCKED

-- mark_replayed --
-- Locked entries whose events count now, or did so before.
UPDATE failed_items
SET status = 'replayed', attempts = attempts + 1, resolved_at = now(), updated_at = now(), next_attempt_at = NULL,
    resolved_by = %(by)s || ' (' || session_user || ')'
WHERE failed_item_id = ANY (%(ids)s)

-- mark_rejected --
-- Locked entries whose events were rejected once more, maybe for another reason than before.
UPDATE failed_items AS item
SET stage = again.stage, error_code = again.error_code, message = again.message, event_id = again.event_id,
    transaction_id = again.transaction_id, attempts = item.attempts + 1, updated_at = now(),
    detail = jsonb_strip_nulls(jsonb_build_object('field', again.field, 'redactions', item.detail -> 'redactions'))
FROM unnest(
    %(ids)s::bigint[], %(stages)s::text[], %(codes)s::text[], %(messages)s::text[], %(fields)s::text[],
    %(event_ids)s::uuid[], %(transaction_ids)s::text[]
) AS again (failed_item_id, stage, error_code, message, field, event_id, transaction_id)
WHERE item.failed_item_id = again.failed_item_id

-- mask --
-- Card data that the guard of the time did not know.
UPDATE failed_items AS item
SET payload = masked.payload, detail = item.detail || jsonb_build_object('redactions', masked.redactions)
FROM unnest(%(ids)s::bigint[], %(payloads)s::bytea[], %(redactions)s::int[])
    AS masked (failed_item_id, payload, redactions)
WHERE item.failed_item_id = masked.failed_item_id

-- archive_now --
-- Counted events whose file is missing: the redrive's own work, without waiting for its time.
UPDATE failed_items
SET next_attempt_at = now(), updated_at = now()
WHERE failed_item_id IN (
    SELECT failed_item_id FROM failed_items
    WHERE failed_item_id = ANY (%(ids)s) AND status = 'pending' AND stage = 'archive'
    FOR UPDATE SKIP LOCKED
)

-- still_pending --
-- What of these entries is not resolved, by code, and whether it has been tried since they were chosen.
SELECT item.error_code, item.attempts > known.attempts AS tried, count(*)
FROM failed_items AS item
JOIN unnest(%(ids)s::bigint[], %(attempts)s::int[]) AS known (failed_item_id, attempts) USING (failed_item_id)
WHERE item.status = 'pending'
GROUP BY item.error_code, tried
ORDER BY item.error_code

-- discard --
-- Given up for ever. An event that counts and is not archived yet is never given up.
UPDATE failed_items
SET status = 'discarded', resolution = %(reason)s, resolved_at = now(), updated_at = now(), next_attempt_at = NULL,
    resolved_by = %(by)s || ' (' || session_user || ')'
WHERE failed_item_id IN (
    SELECT item.failed_item_id
    FROM failed_items AS item
    JOIN unnest(%(ids)s::bigint[], %(attempts)s::int[]) AS known (failed_item_id, attempts)
        ON known.failed_item_id = item.failed_item_id AND known.attempts = item.attempts
    WHERE item.status = 'pending' AND item.stage <> 'archive'
    FOR UPDATE OF item SKIP LOCKED
)
