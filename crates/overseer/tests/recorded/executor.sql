BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'courier','2026-12-01 05:28:44',1,X'232B3279E9D03D44E0BBDE1E7EAD5AC9F9AC8CF0E349555B881443DE20ECAD53F75E17F00077B7E836AC024C055E682B',1378757);
INSERT INTO "_sqlx_migrations" VALUES(2,'parked','2026-12-01 05:28:44',1,X'79D12BC4B194DDE476C8D7C37B38D7D2EFE63F8F186331952EEAF4F46FF947A8FB226CF61370B52738EA62B5D2621EF5',1065502);
INSERT INTO "_sqlx_migrations" VALUES(3,'holder','2026-12-01 05:28:44',1,X'A213679A48CECE7F1E8AFBAB702F43E22B2EBA613360194E5B4742F0C27B3DD79F888B7B21E4911812538BAE2F543E03',533212);
INSERT INTO "_sqlx_migrations" VALUES(4,'first_relayed','2026-12-01 05:28:44',1,X'250FC84636DB389EAC8C0A4AB485099CC2658BC77EBF77D7CAA3547300454E542A861C74C32E7AE829A947AE48C03573',759057);
INSERT INTO "_sqlx_migrations" VALUES(100,'attempt','2026-12-01 05:28:44',1,X'09C9A01BFD05302727B2F27CAB6BA576E8A25C9C1E66E1F3BAC9257A346B5139F483E0EEFB2AEDCE1DB5E7DA02AEF311',1016540);
INSERT INTO "_sqlx_migrations" VALUES(101,'resource_keys','2026-12-01 05:28:44',1,X'2A7EEC2B9BEDCD4403CC0BFE5CCC7D36896816909C0F2C4F9E90AF2391A12CB11AE822A9C7977DAABC340EEEC4393E0E',1663680);
CREATE TABLE attempt (
    -- Sorts by the time of the intent.
    id TEXT PRIMARY KEY,
    site TEXT NOT NULL,
    step_id TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    nonce TEXT NOT NULL UNIQUE,
    resource TEXT NOT NULL,
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
INSERT INTO "attempt" VALUES('01a23013-ad37-73db-9483-dd90b4f6e8ea','home','stp_01a23013-aca9-7041-809d-abe0143bcd87',1,'fde2803f06921a48ac57d81a7bf9124e','home/docker://local/a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f','{"version":2,"site":"home","step":"stp_01a23013-aca9-7041-809d-abe0143bcd87","plan":"pln_01a23013-aca9-7041-809d-abdf13c0848d","subject":"incident:inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8","attempt":1,"action":{"restart_resource":{"target":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web"}}},"target":"12e51353394aef96960e3ca2167b9f2d4b08ab5beccd6825eb7e2c4c7182373a","preconditions":[{"state":{"any_of":["created","running","paused","restarting","exited"]}}],"approval":"apr_01a23013-ad28-74ec-ada3-f54d06dbb6e2","approved_by":"token:admin","expires":1796102985611246,"nonce":"fde2803f06921a48ac57d81a7bf9124e"}','pln_01a23013-aca9-7041-809d-abdf13c0848d','00-573149b6db1fa922d00d2a39e1feeb67-738335d0e6fe7da6-01',1796102925622784,1796102930622784,'{"state":"exited","started_at":1796102925426071,"restart_count":2}','verified',1796102925739005,'{"state":"running","started_at":1796102925730994,"restart_count":0}',1796102927739005,'{"verdict":"passed","checks":[{"name":"running","verdict":"passed","detail":"it runs"},{"name":"no_new_exit","verdict":"passed","detail":"it is the run started by the action"}],"from":1796102925739005,"until":1796102927749912}',NULL,1796102927750091,'01a23013-a991-70f1-8a50-1b357f8f6dcb',1796102936724721,1);
INSERT INTO "attempt" VALUES('01a23013-b8f5-7762-b28b-ca9f14b7c660','home','stp_01a23013-b854-704e-94ae-546f7c815583',1,'cfb84dbe1fa6653c332b67f3d4ff2992','home/docker://local/1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599','{"version":2,"site":"home","step":"stp_01a23013-b854-704e-94ae-546f7c815583","plan":"pln_01a23013-b854-704e-94ae-546ec7d02094","subject":"incident:inc_01a23013-b84d-7035-949f-9d675fde89ff","attempt":1,"action":{"restart_resource":{"target":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db"}}},"target":"972e609a27e784fa9a12d08d34860568caf880c044bba71e2f740114ab83ab39","preconditions":[{"state":{"any_of":["created","running","paused","restarting","exited"]}}],"approval":"apr_01a23013-b8e6-75d6-ac7b-fa4e3489d5c6","approved_by":"token:admin","expires":1796102988616897,"nonce":"cfb84dbe1fa6653c332b67f3d4ff2992"}','pln_01a23013-b854-704e-94ae-546ec7d02094','00-e9bafad343dcad5c415276d164a79fb8-96c06051eb079f4d-01',1796102928629178,1796102933629178,'{"state":"exited","started_at":1796102928417934,"restart_count":2}','verified',1796102928782529,'{"state":"restarting","started_at":1796102928736019,"restart_count":1}',1796102930782529,'{"verdict":"failed","checks":[{"name":"running","verdict":"failed","detail":"the platform waits before it starts it again"},{"name":"no_new_exit","verdict":"failed","detail":"it exited again with code 1"}],"from":1796102928782529,"until":1796102928818333}',NULL,1796102928818359,'01a23013-a991-70f1-8a50-1b357f8f6dcb',1796102938725831,1);
CREATE TABLE audit (
    sequence BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,1796102925622784,'token:admin','act.intent','home/docker://local/a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f','step=stp_01a23013-aca9-7041-809d-abe0143bcd87 attempt=1 approval=apr_01a23013-ad28-74ec-ada3-f54d06dbb6e2 outcome=intent','c874b2c4853f77ce93c74368e15136c08722ee567889e8b690f69df57d1cfa90');
INSERT INTO "audit" VALUES(2,1796102925739008,'service:executor','act.outcome','home/docker://local/a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f','step=stp_01a23013-aca9-7041-809d-abe0143bcd87 attempt=1 approval=apr_01a23013-ad28-74ec-ada3-f54d06dbb6e2 outcome=acted','a6873e53d9a50612f336d072ba8c57535649ffa5d0683d7a01850aa608caa250');
INSERT INTO "audit" VALUES(3,1796102927750091,'service:executor','step.verified','home/docker://local/a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f','step=stp_01a23013-aca9-7041-809d-abe0143bcd87 attempt=1 approval=apr_01a23013-ad28-74ec-ada3-f54d06dbb6e2 outcome=passed','644f4a0cd9aadf28ae92868798cdc384171fddec223222329b3dc75796dc19d3');
INSERT INTO "audit" VALUES(4,1796102928629178,'token:admin','act.intent','home/docker://local/1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599','step=stp_01a23013-b854-704e-94ae-546f7c815583 attempt=1 approval=apr_01a23013-b8e6-75d6-ac7b-fa4e3489d5c6 outcome=intent','82548f82075fbfcffdfde604f7b5baf2736d6df8c65c2b79319041f90343b672');
INSERT INTO "audit" VALUES(5,1796102928782531,'service:executor','act.outcome','home/docker://local/1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599','step=stp_01a23013-b854-704e-94ae-546f7c815583 attempt=1 approval=apr_01a23013-b8e6-75d6-ac7b-fa4e3489d5c6 outcome=acted','2992ad70bb6e3f3274fc93ea629e0bb1462b49925e814a4542b80df9beda137b');
INSERT INTO "audit" VALUES(6,1796102928818359,'service:executor','step.verified','home/docker://local/1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599','step=stp_01a23013-b854-704e-94ae-546f7c815583 attempt=1 approval=apr_01a23013-b8e6-75d6-ac7b-fa4e3489d5c6 outcome=failed','fa72a33ac1560766e28fe71f53d6b4ef9de66051e155dae90c0dba52c98727c0');
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO "audit_head" VALUES(1,6,'fa72a33ac1560766e28fe71f53d6b4ef9de66051e155dae90c0dba52c98727c0');
CREATE TABLE declined_ticket (
    nonce TEXT PRIMARY KEY,
    declined_at BIGINT NOT NULL
);
CREATE TABLE holder (
    -- The service, and the site that it is alone for, or `*`.
    id TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    -- Where others reach it.
    address TEXT NOT NULL,
    since BIGINT NOT NULL
);
CREATE TABLE inbox (
    event_id TEXT PRIMARY KEY,
    seen_at BIGINT NOT NULL
);
INSERT INTO "inbox" VALUES('evt_01a23013-ad2e-773f-8f5b-8458bc921b65',1796102925623506);
INSERT INTO "inbox" VALUES('evt_01a23013-b8ea-71a4-a03d-e92681dee2a0',1796102928630006);
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    site TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    at BIGINT NOT NULL,
    trace TEXT,
    data TEXT NOT NULL,
    relayed_at BIGINT
, first_relayed_at BIGINT);
INSERT INTO "outbox" VALUES('evt_01a23013-ad38-72ed-8d10-78cb3351ae98','overseer.step.started','home','pln_01a23013-aca9-7041-809d-abdf13c0848d',1796102925622784,'00-573149b6db1fa922d00d2a39e1feeb67-5ee66d8e22ba4b34-01','{"step":{"stepId":"stp_01a23013-aca9-7041-809d-abe0143bcd87","planId":"pln_01a23013-aca9-7041-809d-abdf13c0848d","subject":{"incidentId":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8"},"attempt":1,"action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web","instance":"local"}}}},"at":"2026-12-01T05:28:45.622784Z"}',1796102925635616,1796102925635616);
INSERT INTO "outbox" VALUES('evt_01a23013-adac-767c-887a-75f6bb70d985','overseer.step.acted','home','pln_01a23013-aca9-7041-809d-abdf13c0848d',1796102925739008,'00-573149b6db1fa922d00d2a39e1feeb67-9f64c2fc045b5f3f-01','{"step":{"stepId":"stp_01a23013-aca9-7041-809d-abe0143bcd87","planId":"pln_01a23013-aca9-7041-809d-abdf13c0848d","subject":{"incidentId":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8"},"attempt":1,"action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web","instance":"local"}}}},"at":"2026-12-01T05:28:45.739005Z","before":{"state":"RESOURCE_STATE_EXITED","startedAt":"2026-12-01T05:28:45.426071Z","restartCount":2},"after":{"state":"RESOURCE_STATE_RUNNING","startedAt":"2026-12-01T05:28:45.730994Z"}}',1796102925766406,1796102925766406);
INSERT INTO "outbox" VALUES('evt_01a23013-b586-7173-a954-4c1c0810d958','overseer.step.verified','home','pln_01a23013-aca9-7041-809d-abdf13c0848d',1796102927750091,'00-573149b6db1fa922d00d2a39e1feeb67-9f64c2fc045b5f3f-01','{"step":{"stepId":"stp_01a23013-aca9-7041-809d-abe0143bcd87","planId":"pln_01a23013-aca9-7041-809d-abdf13c0848d","subject":{"incidentId":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8"},"attempt":1,"action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web","instance":"local"}}}},"verification":{"verdict":"VERDICT_PASSED","checks":[{"name":"running","verdict":"VERDICT_PASSED","detail":"it runs"},{"name":"no_new_exit","verdict":"VERDICT_PASSED","detail":"it is the run started by the action"}],"from":"2026-12-01T05:28:45.739005Z","until":"2026-12-01T05:28:47.749912Z"}}',1796102927760091,1796102927760091);
INSERT INTO "outbox" VALUES('evt_01a23013-b8f6-7339-9f78-db91b4d7fe3b','overseer.step.started','home','pln_01a23013-b854-704e-94ae-546ec7d02094',1796102928629178,'00-e9bafad343dcad5c415276d164a79fb8-ed158f451c39a461-01','{"step":{"stepId":"stp_01a23013-b854-704e-94ae-546f7c815583","planId":"pln_01a23013-b854-704e-94ae-546ec7d02094","subject":{"incidentId":"inc_01a23013-b84d-7035-949f-9d675fde89ff"},"attempt":1,"action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"}}}},"at":"2026-12-01T05:28:48.629178Z"}',1796102928640382,1796102928640382);
INSERT INTO "outbox" VALUES('evt_01a23013-b990-769b-a839-b93f7e5a6d4c','overseer.step.acted','home','pln_01a23013-b854-704e-94ae-546ec7d02094',1796102928782531,'00-e9bafad343dcad5c415276d164a79fb8-12b60a1e462a2fb1-01','{"step":{"stepId":"stp_01a23013-b854-704e-94ae-546f7c815583","planId":"pln_01a23013-b854-704e-94ae-546ec7d02094","subject":{"incidentId":"inc_01a23013-b84d-7035-949f-9d675fde89ff"},"attempt":1,"action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"}}}},"at":"2026-12-01T05:28:48.782529Z","before":{"state":"RESOURCE_STATE_EXITED","startedAt":"2026-12-01T05:28:48.417934Z","restartCount":2},"after":{"state":"RESOURCE_STATE_RESTARTING","startedAt":"2026-12-01T05:28:48.736019Z","restartCount":1}}',1796102928803614,1796102928803614);
INSERT INTO "outbox" VALUES('evt_01a23013-b9b3-72ca-9b4c-298ccd38804a','overseer.step.verified','home','pln_01a23013-b854-704e-94ae-546ec7d02094',1796102928818359,'00-e9bafad343dcad5c415276d164a79fb8-12b60a1e462a2fb1-01','{"step":{"stepId":"stp_01a23013-b854-704e-94ae-546f7c815583","planId":"pln_01a23013-b854-704e-94ae-546ec7d02094","subject":{"incidentId":"inc_01a23013-b84d-7035-949f-9d675fde89ff"},"attempt":1,"action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"}}}},"verification":{"verdict":"VERDICT_FAILED","checks":[{"name":"running","verdict":"VERDICT_FAILED","detail":"the platform waits before it starts it again"},{"name":"no_new_exit","verdict":"VERDICT_FAILED","detail":"it exited again with code 1"}],"from":"2026-12-01T05:28:48.782529Z","until":"2026-12-01T05:28:48.818333Z"}}',1796102928827044,1796102928827044);
CREATE TABLE parked (
    event_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    site TEXT NOT NULL,
    data TEXT NOT NULL,
    error TEXT NOT NULL,
    parked_at BIGINT NOT NULL
, ordering_key TEXT NOT NULL DEFAULT '', at BIGINT NOT NULL DEFAULT 0, trace TEXT);
CREATE TABLE store_state (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
INSERT INTO "store_state" VALUES('bus_incarnation','in-process');
CREATE INDEX outbox_waiting ON outbox (id) WHERE relayed_at IS NULL;
CREATE INDEX outbox_relayed ON outbox (relayed_at) WHERE relayed_at IS NOT NULL;
CREATE INDEX inbox_seen ON inbox (seen_at);
CREATE INDEX parked_at ON parked (parked_at);
CREATE INDEX outbox_first_relayed ON outbox (first_relayed_at) WHERE first_relayed_at IS NOT NULL;
CREATE INDEX attempt_unfinished ON attempt (claim_until) WHERE finished_at IS NULL;
CREATE UNIQUE INDEX attempt_one_per_resource ON attempt (resource) WHERE finished_at IS NULL;
COMMIT;
