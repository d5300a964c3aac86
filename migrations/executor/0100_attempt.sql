-- The idempotency ledger: one row per attempt of a step, from its intent on.
CREATE TABLE attempt (
    -- Sorts by the time of the intent.
    id TEXT PRIMARY KEY,
    site TEXT NOT NULL,
    step_id TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    nonce TEXT NOT NULL UNIQUE,
    resource_id TEXT NOT NULL,
    -- What the ticket allowed, as JSON; the ticket itself is authority and is not kept.
    claims TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    trace TEXT,
    intent_at BIGINT NOT NULL,
    -- Nothing is sent to the platform after this.
    act_by BIGINT NOT NULL,
    witness_before TEXT NOT NULL,
    state TEXT NOT NULL,
    acted_at BIGINT,
    witness_after TEXT,
    verify_until BIGINT,
    verification TEXT,
    detail TEXT,
    finished_at BIGINT,
    -- Who works on it, until when, and which claim this is: a write under an older claim changes nothing.
    claimed_by TEXT NOT NULL,
    claim_until BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    UNIQUE (step_id, attempt)
);
-- Actions on one resource are serial, whichever process works on them.
CREATE UNIQUE INDEX attempt_one_per_resource ON attempt (site, resource_id) WHERE finished_at IS NULL;
CREATE INDEX attempt_unfinished ON attempt (claim_until) WHERE finished_at IS NULL;

-- Tickets answered without an intent: a refusal stays a refusal when the ticket comes again.
CREATE TABLE declined_ticket (
    nonce TEXT PRIMARY KEY,
    declined_at BIGINT NOT NULL
);
