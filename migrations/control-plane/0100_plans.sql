-- Plans, their steps with what became of them, approvals, and tokens.
CREATE TABLE plan (
    id TEXT PRIMARY KEY,
    incident_id TEXT NOT NULL,
    trouble TEXT NOT NULL,
    site TEXT NOT NULL,
    state TEXT NOT NULL,
    digest TEXT NOT NULL,
    title TEXT NOT NULL,
    playbook TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    target_id TEXT NOT NULL,
    target_fingerprint TEXT NOT NULL,
    refusal TEXT,
    trace TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX plan_incident ON plan (incident_id);

CREATE TABLE step (
    id TEXT PRIMARY KEY,
    plan_id TEXT NOT NULL REFERENCES plan (id),
    position BIGINT NOT NULL,
    state TEXT NOT NULL,
    action TEXT NOT NULL,
    template TEXT NOT NULL,
    risk TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    started_at BIGINT,
    acted_at BIGINT,
    finished_at BIGINT,
    verdict TEXT,
    verification TEXT,
    detail TEXT NOT NULL,
    UNIQUE (plan_id, position)
);
CREATE INDEX step_unfinished ON step (state) WHERE finished_at IS NULL;

CREATE TABLE approval (
    id TEXT PRIMARY KEY,
    step_id TEXT NOT NULL UNIQUE REFERENCES step (id),
    plan_digest TEXT NOT NULL,
    action TEXT NOT NULL,
    target_id TEXT NOT NULL,
    target_fingerprint TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    approver TEXT NOT NULL,
    approved_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    nonce TEXT NOT NULL UNIQUE
);

CREATE TABLE token (
    hash TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
