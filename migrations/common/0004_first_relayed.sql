-- When an event was first sent. Sending it again does not make it younger, so that it is forgotten before the inboxes
-- of its consumers forget it.
ALTER TABLE outbox ADD COLUMN first_relayed_at BIGINT;
UPDATE outbox SET first_relayed_at = relayed_at WHERE relayed_at IS NOT NULL;
CREATE INDEX outbox_first_relayed ON outbox (first_relayed_at) WHERE first_relayed_at IS NOT NULL;
