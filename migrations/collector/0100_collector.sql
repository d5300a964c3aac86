-- The last sequence that was given to a fact. Its row lock puts writers in order, so that commits follow the sequence.
CREATE TABLE fact_head (
    id BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL
);
INSERT INTO fact_head (id, sequence) VALUES (1, 0);

-- What was observed, kept for a week. `fact` is its JSON; `recorded_at` is our clock, not the engine's.
CREATE TABLE facts (
    sequence BIGINT PRIMARY KEY,
    resource_id TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    trace TEXT,
    fact TEXT NOT NULL
);
CREATE INDEX facts_resource ON facts (resource_id, sequence);
CREATE INDEX facts_recorded ON facts (recorded_at);

-- What is known of each resource. `known` is its JSON.
CREATE TABLE resources (
    id TEXT PRIMARY KEY,
    removed BOOLEAN NOT NULL,
    observed_at BIGINT NOT NULL,
    known TEXT NOT NULL
);
