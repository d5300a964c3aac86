-- The files that people declared as logs. Whether each may be read is decided anew at every start.
CREATE TABLE log_sources (
    id TEXT PRIMARY KEY,
    workload TEXT NOT NULL,
    path TEXT NOT NULL,
    declared_at BIGINT NOT NULL,
    declared_by TEXT NOT NULL,
    UNIQUE (workload, path)
);
