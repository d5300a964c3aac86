-- One notice to one target: what is to be said, and how far that is.
CREATE TABLE delivery (
    id TEXT PRIMARY KEY,
    event_id TEXT NOT NULL,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- The signed text, made once: every attempt says the same.
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Of a pending one: not before this.
    due_at BIGINT,
    settled_at BIGINT,
    last_error TEXT NOT NULL,
    UNIQUE (event_id, target)
);
CREATE INDEX delivery_due ON delivery (target, due_at, id) WHERE state = 'pending';
CREATE INDEX delivery_settled ON delivery (settled_at) WHERE settled_at IS NOT NULL;
