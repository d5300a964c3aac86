-- A resource is known by its whole key, and what is remembered of it is kept per detector. What older builds remembered
-- has no key: it is learned anew from the facts that come.
DROP TABLE history;
CREATE TABLE detector_state (
    detector TEXT NOT NULL,
    resource TEXT NOT NULL,
    state TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (detector, resource)
);
CREATE INDEX detector_state_updated ON detector_state (updated_at);

DROP INDEX incident_resource;
ALTER TABLE incident RENAME COLUMN resource_id TO resource_key;
CREATE INDEX incident_resource ON incident (resource_key) WHERE state <> 'resolved';
-- Since when an open incident's resource is calm; NULL while it is not, and once it is resolved.
ALTER TABLE incident ADD COLUMN calm_since BIGINT;
CREATE INDEX incident_calm ON incident (calm_since) WHERE calm_since IS NOT NULL;
CREATE INDEX incident_state ON incident (state, id);

UPDATE moment SET what = '{"acted":{"template":"restart_resource"}}' WHERE what = '"acted"';
