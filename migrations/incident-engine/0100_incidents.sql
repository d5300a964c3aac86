-- Incidents with their stories, and what the detectors remember of each resource.
CREATE TABLE incident (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    detector TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    resolved_at BIGINT,
    occurrences BIGINT NOT NULL,
    trace TEXT,
    narrative TEXT NOT NULL
);
-- One open incident for one trouble.
CREATE UNIQUE INDEX incident_open ON incident (fingerprint) WHERE state <> 'resolved';
CREATE INDEX incident_resource ON incident (resource_id) WHERE state <> 'resolved';

CREATE TABLE moment (
    incident_id TEXT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    at BIGINT NOT NULL,
    what TEXT NOT NULL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (incident_id, position)
);

CREATE TABLE history (
    resource_id TEXT PRIMARY KEY,
    state TEXT NOT NULL
);

-- How far the facts of each collector's store were applied.
CREATE TABLE fact_cursor (
    epoch TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL
);
