-- What a parked event needs to be applied again.
ALTER TABLE parked ADD COLUMN ordering_key TEXT NOT NULL DEFAULT '';
ALTER TABLE parked ADD COLUMN at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE parked ADD COLUMN trace TEXT;
CREATE INDEX parked_at ON parked (parked_at);
