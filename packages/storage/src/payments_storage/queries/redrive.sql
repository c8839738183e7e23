-- What the redrive does with failed_items: archive files that could not be written when their events were counted.

-- next_deferred_partition --
-- The partition whose deferred events have been due for longest.
SELECT event_hub, partition_id FROM failed_items WHERE next_attempt_at <= now() ORDER BY next_attempt_at LIMIT 1

-- lock_deferred --
-- Its due events in partition order; those that another redrive is working on are left to it.
SELECT failed_item_id, payload, sequence_number, enqueued_at, coalesce((detail ->> 'redactions')::int, 0)
FROM failed_items
WHERE event_hub = %(event_hub)s AND partition_id = %(partition_id)s AND next_attempt_at <= now()
ORDER BY enqueued_at, sequence_number
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- resolve --
-- Done, in the transaction that has done it.
UPDATE failed_items
SET status = 'replayed', next_attempt_at = NULL, resolved_at = now(), resolved_by = %(by)s, attempts = attempts + 1,
    updated_at = now()
WHERE failed_item_id = ANY (%(ids)s) AND status = 'pending'

-- postpone --
-- Twice as long as before, an hour at most; after the last attempt it waits for a person.
UPDATE failed_items
SET attempts = attempts + 1, message = %(message)s, updated_at = now(), next_attempt_at = CASE
        WHEN attempts < %(max_attempts)s THEN now() + least(interval '1 minute' * 2 ^ least(attempts, 10), interval '1 hour')
    END
WHERE failed_item_id = ANY (%(ids)s) AND status = 'pending'

-- give_up --
-- Cannot be archived at all: a person has to look.
UPDATE failed_items
SET attempts = attempts + 1, stage = %(stage)s, error_code = %(code)s, message = %(message)s, updated_at = now(),
    next_attempt_at = NULL
WHERE failed_item_id = %(id)s AND status = 'pending'
