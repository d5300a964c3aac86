-- When a collector's facts were last applied; 0 before the next time.
ALTER TABLE fact_cursor ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
