-- Who runs a service that must not run twice, on PostgreSQL: each acquisition of its lock takes the next epoch.
CREATE TABLE holder (
    -- The service, and the site that it is alone for, or `*`.
    id TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    -- Where others reach it.
    address TEXT NOT NULL,
    since BIGINT NOT NULL
);
