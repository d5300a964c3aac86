-- A plan has a subject, and each step its own target. A plan that an older build left open cannot be carried out by this
-- one, whose digests cover more: it is superseded.
UPDATE step SET state = 'void' WHERE state IN ('awaiting_approval', 'approved')
    AND plan_id IN (SELECT id FROM plan WHERE state IN ('ready', 'running'));
UPDATE plan SET state = 'superseded' WHERE state IN ('ready', 'running') AND NOT EXISTS (
    SELECT 1 FROM step WHERE step.plan_id = plan.id AND step.state IN ('dispatched', 'acting', 'verifying'));

ALTER TABLE plan ADD COLUMN subject TEXT NOT NULL DEFAULT '';
UPDATE plan SET subject = 'incident:' || incident_id;
ALTER TABLE step ADD COLUMN resource TEXT NOT NULL DEFAULT '';
ALTER TABLE step ADD COLUMN target_fingerprint TEXT NOT NULL DEFAULT '';
ALTER TABLE step ADD COLUMN preconditions TEXT NOT NULL DEFAULT '[]';
UPDATE step SET
    resource = (SELECT plan.site || '/docker://local/' || plan.target_id FROM plan WHERE plan.id = step.plan_id),
    target_fingerprint = (SELECT plan.target_fingerprint FROM plan WHERE plan.id = step.plan_id);
DROP INDEX plan_incident;
ALTER TABLE plan DROP COLUMN incident_id;
ALTER TABLE plan DROP COLUMN site;
ALTER TABLE plan DROP COLUMN target_id;
ALTER TABLE plan DROP COLUMN target_fingerprint;
CREATE INDEX plan_subject ON plan (subject);
-- One live plan for one subject.
CREATE UNIQUE INDEX plan_live ON plan (subject) WHERE state IN ('ready', 'running');
CREATE INDEX plan_trouble ON plan (trouble);
CREATE INDEX plan_running ON plan (id) WHERE state = 'running';
CREATE INDEX step_carried_out ON step (id) WHERE attempt > 0;

ALTER TABLE approval ADD COLUMN valid_micros BIGINT NOT NULL DEFAULT 0;
UPDATE approval SET valid_micros = expires_at - approved_at;
ALTER TABLE approval DROP COLUMN expires_at;
ALTER TABLE approval DROP COLUMN target_id;

-- The resources that plans can act on, as the inventory's events last reported them.
CREATE TABLE target (
    resource TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    -- Empty until it was inspected.
    fingerprint TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    started_by_request_at BIGINT,
    updated_at BIGINT NOT NULL
);

-- The incidents that are not resolved, as their events tell them. `incident` is its JSON.
CREATE TABLE open_incident (
    id TEXT PRIMARY KEY,
    resource TEXT NOT NULL,
    incident TEXT NOT NULL
);
CREATE INDEX open_incident_resource ON open_incident (resource);
