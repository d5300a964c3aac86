-- Which process has a delivery in hand, and until when nobody else takes it.
ALTER TABLE delivery ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN claim_until BIGINT NOT NULL DEFAULT 0;
