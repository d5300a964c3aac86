BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'courier','2026-12-01 05:28:44',1,X'232B3279E9D03D44E0BBDE1E7EAD5AC9F9AC8CF0E349555B881443DE20ECAD53F75E17F00077B7E836AC024C055E682B',1399828);
INSERT INTO "_sqlx_migrations" VALUES(2,'parked','2026-12-01 05:28:44',1,X'79D12BC4B194DDE476C8D7C37B38D7D2EFE63F8F186331952EEAF4F46FF947A8FB226CF61370B52738EA62B5D2621EF5',1092261);
INSERT INTO "_sqlx_migrations" VALUES(3,'holder','2026-12-01 05:28:44',1,X'A213679A48CECE7F1E8AFBAB702F43E22B2EBA613360194E5B4742F0C27B3DD79F888B7B21E4911812538BAE2F543E03',540322);
INSERT INTO "_sqlx_migrations" VALUES(4,'first_relayed','2026-12-01 05:28:44',1,X'250FC84636DB389EAC8C0A4AB485099CC2658BC77EBF77D7CAA3547300454E542A861C74C32E7AE829A947AE48C03573',775001);
INSERT INTO "_sqlx_migrations" VALUES(100,'notifier','2026-12-01 05:28:44',1,X'BFEB1254AC1B9C91493793CC8F61A5762FAFBCCFD817817AA3A5A4912DF709B4894290DD752BD7C9051FB6E137376ECB',837844);
INSERT INTO "_sqlx_migrations" VALUES(101,'claims','2026-12-01 05:28:44',1,X'DDF75387A19FED6C8914D4228212C8A7911969B0697C0B603F892D26C4D86C6C8C879C1F71AD5140A20010E33F319501',959945);
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
INSERT INTO "audit_head" VALUES(1,0,'');
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
    last_error TEXT NOT NULL, claimed_by TEXT NOT NULL DEFAULT '', claim_until BIGINT NOT NULL DEFAULT 0,
    UNIQUE (event_id, target)
);
INSERT INTO "delivery" VALUES('dlv_01a23013-aca4-73fa-984d-6303e4717a14','evt_01a23013-aca0-73ef-904a-8c1fd812301d','test','incident_detected','{"type":"incident_detected","id":"evt_01a23013-aca0-73ef-904a-8c1fd812301d","timestamp":"2026-12-01T05:28:45.469Z","data":{"incident_id":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8","title":"restart loop of web at home","detector":"restart_loop","severity":"critical","state":"open","outcome":"pending","occurrences":1,"resource":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web"}}}','delivered',1,1796102925476833,NULL,1796102925480916,'','01a23013-a99e-7245-8c63-114788ec9215',0);
INSERT INTO "delivery" VALUES('dlv_01a23013-acb1-7039-9c90-77c79a2054ec','evt_01a23013-acac-7627-a0c9-33dd42af863d','test','approval_required','{"type":"approval_required","id":"evt_01a23013-acac-7627-a0c9-33dd42af863d","timestamp":"2026-12-01T05:28:45.478Z","data":{"incident_id":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8","plan_id":"pln_01a23013-aca9-7041-809d-abdf13c0848d","title":"approval required to restart web at home","state":"ready","resource":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web"},"risk":"d2","approve_hint":"overseer approve pln_01a23013-aca9-7041-809d-abdf13c0848d"}}','delivered',1,1796102925489289,NULL,1796102925491452,'','01a23013-a99e-7245-8c63-114788ec9215',0);
INSERT INTO "delivery" VALUES('dlv_01a23013-b599-7253-9d2b-1b4ba49c8656','evt_01a23013-b591-71fc-944c-4bc8199285ee','test','incident_resolved','{"type":"incident_resolved","id":"evt_01a23013-b591-71fc-944c-4bc8199285ee","timestamp":"2026-12-01T05:28:47.759Z","data":{"incident_id":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8","title":"restart loop of web at home","detector":"restart_loop","severity":"critical","state":"resolved","outcome":"resolved","occurrences":1,"resource":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web"}}}','delivered',1,1796102927769923,NULL,1796102927771918,'','01a23013-a99e-7245-8c63-114788ec9215',0);
INSERT INTO "delivery" VALUES('dlv_01a23013-b853-7603-b889-946fd222e7f1','evt_01a23013-b850-7392-b13f-54d7d34a758e','test','incident_detected','{"type":"incident_detected","id":"evt_01a23013-b850-7392-b13f-54d7d34a758e","timestamp":"2026-12-01T05:28:48.459Z","data":{"incident_id":"inc_01a23013-b84d-7035-949f-9d675fde89ff","title":"restart loop of db at home","detector":"restart_loop","severity":"critical","state":"open","outcome":"pending","occurrences":1,"resource":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db"}}}','delivered',1,1796102928467671,NULL,1796102928470084,'','01a23013-a99e-7245-8c63-114788ec9215',0);
INSERT INTO "delivery" VALUES('dlv_01a23013-b85a-702a-ba0d-ac2f237aff22','evt_01a23013-b855-719b-8d4a-79ae49ca81a9','test','approval_required','{"type":"approval_required","id":"evt_01a23013-b855-719b-8d4a-79ae49ca81a9","timestamp":"2026-12-01T05:28:48.467Z","data":{"incident_id":"inc_01a23013-b84d-7035-949f-9d675fde89ff","plan_id":"pln_01a23013-b854-704e-94ae-546ec7d02094","title":"approval required to restart db at home","state":"ready","resource":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db"},"risk":"d2","approve_hint":"overseer approve pln_01a23013-b854-704e-94ae-546ec7d02094"}}','delivered',1,1796102928474136,NULL,1796102928475840,'','01a23013-a99e-7245-8c63-114788ec9215',0);
INSERT INTO "delivery" VALUES('dlv_01a23013-bcc2-72f6-9a7c-97339c4b52df','evt_01a23013-bcbd-763c-9f77-f5d4db6c25ea','test','incident_detected','{"type":"incident_detected","id":"evt_01a23013-bcbd-763c-9f77-f5d4db6c25ea","timestamp":"2026-12-01T05:28:49.596Z","data":{"incident_id":"inc_01a23013-bcbc-7797-9bda-9e53d77804fd","title":"restart loop of cache at home","detector":"restart_loop","severity":"critical","state":"open","outcome":"pending","occurrences":1,"resource":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0","name":"cache"}}}','delivered',1,1796102929602310,NULL,1796102929606132,'','01a23013-a99e-7245-8c63-114788ec9215',0);
INSERT INTO "delivery" VALUES('dlv_01a23013-bccb-73b0-8580-ad4204e25a66','evt_01a23013-bcc1-7179-8ef4-1e8b857bad57','test','approval_required','{"type":"approval_required","id":"evt_01a23013-bcc1-7179-8ef4-1e8b857bad57","timestamp":"2026-12-01T05:28:49.600Z","data":{"incident_id":"inc_01a23013-bcbc-7797-9bda-9e53d77804fd","plan_id":"pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2","title":"approval required to restart cache at home","state":"ready","resource":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0","name":"cache"},"risk":"d2","approve_hint":"overseer approve pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2"}}','delivered',1,1796102929611185,NULL,1796102929612893,'','01a23013-a99e-7245-8c63-114788ec9215',0);
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
INSERT INTO "inbox" VALUES('evt_01a23013-aca0-73ef-904a-8c1fd812301d',1796102925476614);
INSERT INTO "inbox" VALUES('evt_01a23013-acac-7627-a0c9-33dd42af863d',1796102925489175);
INSERT INTO "inbox" VALUES('evt_01a23013-b591-71fc-944c-4bc8199285ee',1796102927767576);
INSERT INTO "inbox" VALUES('evt_01a23013-b850-7392-b13f-54d7d34a758e',1796102928467610);
INSERT INTO "inbox" VALUES('evt_01a23013-b855-719b-8d4a-79ae49ca81a9',1796102928473988);
INSERT INTO "inbox" VALUES('evt_01a23013-bcbd-763c-9f77-f5d4db6c25ea',1796102929602125);
INSERT INTO "inbox" VALUES('evt_01a23013-bcc1-7179-8ef4-1e8b857bad57',1796102929611134);
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
CREATE INDEX delivery_due ON delivery (target, due_at, id) WHERE state = 'pending';
CREATE INDEX delivery_settled ON delivery (settled_at) WHERE settled_at IS NOT NULL;
COMMIT;
