-- Prepares a database for Overseer: one role and one schema per service, and nothing shared.
--   createdb overseer && psql -d overseer -f deploy/postgres/init.sql
-- Run it as a superuser in Overseer's own database; running it again changes nothing.
-- The roles have no password: set one (ALTER ROLE overseer_collector PASSWORD '…') or authenticate by pg_hba.conf.
DO $$
DECLARE
    service text;
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    FOREACH service IN ARRAY ARRAY['collector', 'incident_engine', 'control_plane', 'executor', 'notifier', 'identity'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'overseer_' || service) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', 'overseer_' || service);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), 'overseer_' || service);
        IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = service) THEN
            EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %I', service, 'overseer_' || service);
        END IF;
        -- A service's tables are found without naming the schema, so PostgreSQL and SQLite run the same text.
        EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I', 'overseer_' || service, current_database(), service);
    END LOOP;
END
$$;
