-- What each workload logs of each signature, over time. Times are microseconds; minutes, days and months count from
-- 1970. `severity` is a rank. Only public forms are kept here.
CREATE TABLE log_signatures (
    workload TEXT NOT NULL,
    signature TEXT NOT NULL,
    public_form TEXT NOT NULL,
    severity BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    -- What is usual: JSON.
    baseline TEXT NOT NULL,
    -- Events of one minute that are a burst.
    burst_at BIGINT NOT NULL,
    PRIMARY KEY (workload, signature)
);
CREATE INDEX log_signatures_seen ON log_signatures (last_seen);

-- Kept for two days. `told` is how many of `seen` went to the bus and to the day.
CREATE TABLE log_minutes (
    workload TEXT NOT NULL,
    signature TEXT NOT NULL,
    minute BIGINT NOT NULL,
    resource_id TEXT NOT NULL,
    severity BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    told BIGINT NOT NULL,
    PRIMARY KEY (workload, signature, minute)
);
CREATE INDEX log_minutes_untold ON log_minutes (minute) WHERE told < seen;
CREATE INDEX log_minutes_minute ON log_minutes (minute);

-- Kept until their month is in a summary and nothing of its lines is left.
CREATE TABLE log_days (
    workload TEXT NOT NULL,
    day BIGINT NOT NULL,
    signature TEXT NOT NULL,
    month BIGINT NOT NULL,
    public_form TEXT NOT NULL,
    severity BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    -- A bit for each hour in which it was seen.
    hours BIGINT NOT NULL,
    PRIMARY KEY (workload, day, signature)
);
CREATE INDEX log_days_month ON log_days (workload, month);

-- What is left of a month of a workload once its lines are gone; kept for a year. `counted` is how many events it is
-- made of; `document` is signed as it stands.
CREATE TABLE log_summaries (
    workload TEXT NOT NULL,
    month BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    signatures BIGINT NOT NULL,
    document TEXT NOT NULL,
    signature TEXT NOT NULL,
    public_key TEXT NOT NULL,
    PRIMARY KEY (workload, month)
);

-- Incidents of workloads, for their summaries.
CREATE TABLE log_incidents (
    id TEXT PRIMARY KEY,
    workload TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    title TEXT NOT NULL
);
CREATE INDEX log_incidents_workload ON log_incidents (workload, opened_at);
