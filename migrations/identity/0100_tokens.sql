-- API tokens, as their hashes only.
CREATE TABLE token (
    hash TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
