-- What every service keeps beside its own tables: events to send, events seen, events given up, and the audit chain.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    site TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    at BIGINT NOT NULL,
    trace TEXT,
    data TEXT NOT NULL,
    relayed_at BIGINT
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE relayed_at IS NULL;
CREATE INDEX outbox_relayed ON outbox (relayed_at) WHERE relayed_at IS NOT NULL;

CREATE TABLE inbox (
    event_id TEXT PRIMARY KEY,
    seen_at BIGINT NOT NULL
);
CREATE INDEX inbox_seen ON inbox (seen_at);

CREATE TABLE parked (
    event_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    site TEXT NOT NULL,
    data TEXT NOT NULL,
    error TEXT NOT NULL,
    parked_at BIGINT NOT NULL
);

-- The life of this store, and the life of the bus that it last spoke to.
CREATE TABLE store_state (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE audit (
    sequence BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, '');
