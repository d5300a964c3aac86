-- A resource is known by its whole key. What older builds knew of resources is listed anew at the start; their facts had no
-- key and are let go, the sequence goes on.
DROP TABLE resources;
CREATE TABLE resources (
    key TEXT PRIMARY KEY,
    -- The platform's own id.
    platform_id TEXT NOT NULL,
    removed BOOLEAN NOT NULL,
    observed_at BIGINT NOT NULL,
    -- JSON.
    known TEXT NOT NULL
);
DELETE FROM store_state WHERE name = 'engine_listed';
DELETE FROM facts;
DROP INDEX facts_resource;
ALTER TABLE facts RENAME COLUMN resource_id TO resource;
CREATE INDEX facts_resource ON facts (resource, sequence);
