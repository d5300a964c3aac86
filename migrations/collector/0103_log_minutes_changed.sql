-- When a minute was last counted into, in microseconds since 1970: one that still grows is told when it stops.
ALTER TABLE log_minutes ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
