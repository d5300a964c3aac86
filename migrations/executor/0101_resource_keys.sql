-- A target is known by its whole key.
DROP INDEX attempt_one_per_resource;
ALTER TABLE attempt RENAME COLUMN resource_id TO resource;
UPDATE attempt SET resource = site || '/docker://local/' || resource;
CREATE UNIQUE INDEX attempt_one_per_resource ON attempt (resource) WHERE finished_at IS NULL;
-- The claims of older attempts, as this build reads them.
UPDATE attempt SET claims = '{"version":1,' || SUBSTR(
    REPLACE(REPLACE(claims, '"incident":"', '"subject":"incident:'), '"approval":"', '"preconditions":[],"approval":"'), 2);
