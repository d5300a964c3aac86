-- A call is written down before it is sent, and an approval is good for one call.
ALTER TABLE attempt ADD COLUMN approval TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN called_at BIGINT;
-- An older build did not write down whether it had called: it may have.
UPDATE attempt SET called_at = intent_at WHERE state <> 'lapsed';
UPDATE attempt SET state = 'called' WHERE state = 'intent';
CREATE UNIQUE INDEX attempt_one_call_per_approval ON attempt (approval)
    WHERE approval <> '' AND (called_at IS NOT NULL OR finished_at IS NULL);
