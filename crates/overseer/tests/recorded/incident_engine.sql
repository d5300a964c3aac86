BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'courier','2026-12-01 05:28:44',1,X'232B3279E9D03D44E0BBDE1E7EAD5AC9F9AC8CF0E349555B881443DE20ECAD53F75E17F00077B7E836AC024C055E682B',1368992);
INSERT INTO "_sqlx_migrations" VALUES(2,'parked','2026-12-01 05:28:44',1,X'79D12BC4B194DDE476C8D7C37B38D7D2EFE63F8F186331952EEAF4F46FF947A8FB226CF61370B52738EA62B5D2621EF5',1005263);
INSERT INTO "_sqlx_migrations" VALUES(3,'holder','2026-12-01 05:28:44',1,X'A213679A48CECE7F1E8AFBAB702F43E22B2EBA613360194E5B4742F0C27B3DD79F888B7B21E4911812538BAE2F543E03',578439);
INSERT INTO "_sqlx_migrations" VALUES(4,'first_relayed','2026-12-01 05:28:44',1,X'250FC84636DB389EAC8C0A4AB485099CC2658BC77EBF77D7CAA3547300454E542A861C74C32E7AE829A947AE48C03573',788000);
INSERT INTO "_sqlx_migrations" VALUES(100,'incidents','2026-12-01 05:28:44',1,X'C7159C48EFE93140093FC3EE5E6ACF30886DCFDE594B8E560D276BDBCE1F73C25A6E9C64F1DF9284EA3F0F24EB35BD80',1041045);
INSERT INTO "_sqlx_migrations" VALUES(101,'detector_states','2026-12-01 05:28:44',1,X'BB34D72B0A2A52BE090D3AE2107299E499868E72391E3C1ACC19BA0247CAA1DFD2FB3FAEED3F2E92C5FD922A3D5A3F9E',2967425);
INSERT INTO "_sqlx_migrations" VALUES(102,'fact_cursor_updated','2026-12-01 05:28:44',1,X'63FC45F5A8AF8C1C6C6F79DEF1CE61B26C091BF62541FF091DCEA1DF3BE454E3BD8C8D25CA33F6EEA4C0B6F114D943EF',843482);
CREATE TABLE audit (
    sequence BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,1796102929860966,'token:admin','narrative.read','inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8','','af7f63a2759dd23babe890c95cc0195512fd7a3101e014f843e41dbacb23d3dd');
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO "audit_head" VALUES(1,1,'af7f63a2759dd23babe890c95cc0195512fd7a3101e014f843e41dbacb23d3dd');
CREATE TABLE detector_state (
    detector TEXT NOT NULL,
    resource TEXT NOT NULL,
    state TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (detector, resource)
);
INSERT INTO "detector_state" VALUES('exits','home/docker://local/a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f','{"exits":{"exits":[{"fact":"fct_01a23013-aa85-75dd-a9bc-170fbcb07892","at":1796102924926256,"code":1,"memory":"enough"},{"fact":"fct_01a23013-ab50-707f-a719-f45703efcd71","at":1796102925134464,"code":1,"memory":"enough"},{"fact":"fct_01a23013-ac99-750f-b51e-d2c4228d5184","at":1796102925463362,"code":1,"memory":"enough"}],"phase":{"running":{"since":1796102925734237}},"oom_at":null}}',1796102925767655);
INSERT INTO "detector_state" VALUES('exits','home/docker://local/1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599','{"exits":{"exits":[{"fact":"fct_01a23013-b60f-73b4-a4a4-1660ea7d71d4","at":1796102927886451,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b6e5-75b8-a277-f268e0687afa","at":1796102928099792,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b845-725c-bebe-420112e128a7","at":1796102928452275,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b987-7774-bab8-35ee538566e6","at":1796102928774144,"code":1,"memory":"enough"},{"fact":"fct_01a23013-ba8e-74a8-a660-a626e2744382","at":1796102929036464,"code":1,"memory":"enough"},{"fact":"fct_01a23013-bbd0-7481-970c-500ca2abd251","at":1796102929358788,"code":1,"memory":"enough"}],"phase":"down","oom_at":null}}',1796102929366433);
INSERT INTO "detector_state" VALUES('exits','home/docker://local/dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0','{"exits":{"exits":[{"fact":"fct_01a23013-ba99-779e-a830-a44ae1ab68ae","at":1796102929046411,"code":1,"memory":"enough"},{"fact":"fct_01a23013-bb80-71a8-a0a3-57c5f25221dc","at":1796102929277979,"code":1,"memory":"enough"},{"fact":"fct_01a23013-bcb2-7037-989e-341a876bc40c","at":1796102929585159,"code":1,"memory":"enough"}],"phase":"down","oom_at":null}}',1796102929596323);
CREATE TABLE fact_cursor (
    epoch TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL
, updated_at BIGINT NOT NULL DEFAULT 0);
INSERT INTO "fact_cursor" VALUES('epo_01a23013-a95c-74dd-a0f9-d583580d7c07',37,1796102929597330);
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
INSERT INTO "inbox" VALUES('evt_01a23013-acab-7578-8c03-75f01713c653',1796102925486008);
INSERT INTO "inbox" VALUES('evt_01a23013-ad29-7691-8eeb-cfcba4243269',1796102925612547);
INSERT INTO "inbox" VALUES('evt_01a23013-ad38-72ed-8d10-78cb3351ae98',1796102925627983);
INSERT INTO "inbox" VALUES('evt_01a23013-adac-767c-887a-75f6bb70d985',1796102925752202);
INSERT INTO "inbox" VALUES('evt_01a23013-b586-7173-a954-4c1c0810d958',1796102927755115);
INSERT INTO "inbox" VALUES('evt_01a23013-b58e-730c-aa3c-32c8113118e2',1796102927760062);
INSERT INTO "inbox" VALUES('evt_01a23013-b855-719b-8d4a-79ad0f65e88d',1796102928471582);
INSERT INTO "inbox" VALUES('evt_01a23013-b8e6-75d6-ac7b-fa4fee47cfa5',1796102928617140);
INSERT INTO "inbox" VALUES('evt_01a23013-b8f6-7339-9f78-db91b4d7fe3b',1796102928633315);
INSERT INTO "inbox" VALUES('evt_01a23013-b990-769b-a839-b93f7e5a6d4c',1796102928787004);
INSERT INTO "inbox" VALUES('evt_01a23013-b9b3-72ca-9b4c-298ccd38804a',1796102928821375);
INSERT INTO "inbox" VALUES('evt_01a23013-b9bd-739c-9ae3-63fa94bd4bb7',1796102928832070);
INSERT INTO "inbox" VALUES('evt_01a23013-bcc1-7179-8ef4-1e8a489b29a9',1796102929606878);
INSERT INTO "inbox" VALUES('evt_01a23013-bd16-7619-9ab1-a187968c1601',1796102929690615);
CREATE TABLE incident (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    resource_key TEXT NOT NULL,
    resource TEXT NOT NULL,
    detector TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    resolved_at BIGINT,
    occurrences BIGINT NOT NULL,
    trace TEXT,
    narrative TEXT NOT NULL
, calm_since BIGINT);
INSERT INTO "incident" VALUES('inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8','abf4132d1d4f414ab546ea6bbf782b96fb2f69f481d2e45d22a64130e1152f81','home/docker://local/a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f','{"site":"home","provider":"docker","instance":"local","kind":"container","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web"}','restart_loop','critical','resolved','resolved',1796102925463362,1796102927759963,1796102927759963,1,'00-573149b6db1fa922d00d2a39e1feeb67-738335d0e6fe7da6-01','{"text":"web is crash-looping on site home.\nStarted at 2026-12-01 05:28:45.463 UTC: web exited 3 times in 1 s, last with exit code 1; it stays down.\nLikely cause: the program exited with an error, such as an invalid setting or a missing dependency (confidence 60 %).\nResolved: the fix was verified.","symptoms":["web exited 3 times in 1 s, last with exit code 1; it stays down."],"hypotheses":[{"text":"the program exited with an error, such as an invalid setting or a missing dependency","confidence":0.6,"evidence":["fct_01a23013-ac99-750f-b51e-d2c4228d5184"]}],"timeline":[{"at":1796102925463362,"text":"web exited 3 times in 1 s, last with exit code 1; it stays down.","evidence":["fct_01a23013-aa85-75dd-a9bc-170fbcb07892","fct_01a23013-ab50-707f-a719-f45703efcd71","fct_01a23013-ac99-750f-b51e-d2c4228d5184"]},{"at":1796102925478332,"text":"Plan pln_01a23013-aca9-7041-809d-abdf13c0848d was proposed: restart web.","evidence":[]},{"at":1796102925607840,"text":"token:admin approved the plan.","evidence":[]},{"at":1796102925622784,"text":"The step started.","evidence":[]},{"at":1796102925739008,"text":"web was restarted.","evidence":[]},{"at":1796102927750091,"text":"Verification passed: running passed, no_new_exit passed.","evidence":[]},{"at":1796102927754754,"text":"Every step of the plan was verified.","evidence":[]}],"resolution_steps":["Plan pln_01a23013-aca9-7041-809d-abdf13c0848d was proposed: restart web.","token:admin approved the plan.","web was restarted."],"verification_results":["Verification passed: running passed, no_new_exit passed."],"lessons":["A restart fixed this problem."]}',NULL);
INSERT INTO "incident" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff','7526b4028b7e91535a61ae30080c0fcd7f5b429d4d9bf4d2cf2fee644025ba03','home/docker://local/1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599','{"site":"home","provider":"docker","instance":"local","kind":"container","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db"}','restart_loop','critical','open','unresolved',1796102928452275,1796102929367174,NULL,3,'00-e9bafad343dcad5c415276d164a79fb8-96c06051eb079f4d-01','{"text":"db is crash-looping on site home.\nStarted at 2026-12-01 05:28:48.452 UTC: db exited 3 times in 1 s, last with exit code 1; it stays down.\nLikely cause: the program exited with an error, such as an invalid setting or a missing dependency (confidence 60 %).\nA fix was executed and did not help. db needs a person.","symptoms":["db exited 3 times in 1 s, last with exit code 1; it stays down.","db exited 5 times in 1 s, last with exit code 1; the engine keeps restarting it.","db exited 6 times in 1 s, last with exit code 1; it stays down."],"hypotheses":[{"text":"the program exited with an error, such as an invalid setting or a missing dependency","confidence":0.6,"evidence":["fct_01a23013-bbd0-7481-970c-500ca2abd251"]}],"timeline":[{"at":1796102928452275,"text":"db exited 3 times in 1 s, last with exit code 1; it stays down.","evidence":["fct_01a23013-b60f-73b4-a4a4-1660ea7d71d4","fct_01a23013-b6e5-75b8-a277-f268e0687afa","fct_01a23013-b845-725c-bebe-420112e128a7"]},{"at":1796102928467786,"text":"Plan pln_01a23013-b854-704e-94ae-546ec7d02094 was proposed: restart db.","evidence":[]},{"at":1796102928613737,"text":"token:admin approved the plan.","evidence":[]},{"at":1796102928629178,"text":"The step started.","evidence":[]},{"at":1796102928782531,"text":"db was restarted.","evidence":[]},{"at":1796102928818359,"text":"Verification failed: running failed, no_new_exit failed.","evidence":[]},{"at":1796102928827476,"text":"No plan was created: the same fix was executed for the same problem and its verification failed (stp_01a23013-b854-704e-94ae-546f7c815583).","evidence":[]},{"at":1796102929036464,"text":"db exited 5 times in 1 s, last with exit code 1; the engine keeps restarting it.","evidence":["fct_01a23013-b60f-73b4-a4a4-1660ea7d71d4","fct_01a23013-b6e5-75b8-a277-f268e0687afa","fct_01a23013-b845-725c-bebe-420112e128a7","fct_01a23013-b987-7774-bab8-35ee538566e6","fct_01a23013-ba8e-74a8-a660-a626e2744382"]},{"at":1796102929358788,"text":"db exited 6 times in 1 s, last with exit code 1; it stays down.","evidence":["fct_01a23013-b60f-73b4-a4a4-1660ea7d71d4","fct_01a23013-b6e5-75b8-a277-f268e0687afa","fct_01a23013-b845-725c-bebe-420112e128a7","fct_01a23013-b987-7774-bab8-35ee538566e6","fct_01a23013-ba8e-74a8-a660-a626e2744382","fct_01a23013-bbd0-7481-970c-500ca2abd251"]}],"resolution_steps":["Plan pln_01a23013-b854-704e-94ae-546ec7d02094 was proposed: restart db.","token:admin approved the plan.","db was restarted."],"verification_results":["Verification failed: running failed, no_new_exit failed."],"lessons":["A restart did not fix this problem."]}',NULL);
INSERT INTO "incident" VALUES('inc_01a23013-bcbc-7797-9bda-9e53d77804fd','ef3a395ba3726c2fc7ba43590989fa3142b0d433153b4839bdb559b02a1c2de0','home/docker://local/dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0','{"site":"home","provider":"docker","instance":"local","kind":"container","id":"dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0","name":"cache"}','restart_loop','critical','open','pending',1796102929585159,1796102929690487,NULL,1,'00-f105b7dced7aa6cb84544a6d31ba5044-41f1b2ae1c5eda3b-01','{"text":"cache is crash-looping on site home.\nStarted at 2026-12-01 05:28:49.585 UTC: cache exited 3 times in 1 s, last with exit code 1; it stays down.\nLikely cause: the program exited with an error, such as an invalid setting or a missing dependency (confidence 60 %).\nThe incident is open.","symptoms":["cache exited 3 times in 1 s, last with exit code 1; it stays down."],"hypotheses":[{"text":"the program exited with an error, such as an invalid setting or a missing dependency","confidence":0.6,"evidence":["fct_01a23013-bcb2-7037-989e-341a876bc40c"]}],"timeline":[{"at":1796102929585159,"text":"cache exited 3 times in 1 s, last with exit code 1; it stays down.","evidence":["fct_01a23013-ba99-779e-a830-a44ae1ab68ae","fct_01a23013-bb80-71a8-a0a3-57c5f25221dc","fct_01a23013-bcb2-7037-989e-341a876bc40c"]},{"at":1796102929600560,"text":"Plan pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2 was proposed: restart cache.","evidence":[]},{"at":1796102929685456,"text":"token:admin denied the plan.","evidence":[]}],"resolution_steps":["Plan pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2 was proposed: restart cache.","token:admin denied the plan."],"verification_results":[],"lessons":[]}',NULL);
CREATE TABLE moment (
    incident_id TEXT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    at BIGINT NOT NULL,
    what TEXT NOT NULL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (incident_id, position)
);
INSERT INTO "moment" VALUES('inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8',0,1796102925463362,'{"symptom":{"detector":"restart_loop","exits":[{"fact":"fct_01a23013-aa85-75dd-a9bc-170fbcb07892","at":1796102924926256,"code":1,"memory":"enough"},{"fact":"fct_01a23013-ab50-707f-a719-f45703efcd71","at":1796102925134464,"code":1,"memory":"enough"},{"fact":"fct_01a23013-ac99-750f-b51e-d2c4228d5184","at":1796102925463362,"code":1,"memory":"enough"}],"aftermath":"stays_down"}}','["fct_01a23013-aa85-75dd-a9bc-170fbcb07892","fct_01a23013-ab50-707f-a719-f45703efcd71","fct_01a23013-ac99-750f-b51e-d2c4228d5184"]');
INSERT INTO "moment" VALUES('inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8',1,1796102925478332,'{"proposed":{"plan":"pln_01a23013-aca9-7041-809d-abdf13c0848d","title":"restart web"}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8',2,1796102925607840,'{"approved":{"plan":"pln_01a23013-aca9-7041-809d-abdf13c0848d","by":"token:admin"}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8',3,1796102925622784,'"begun"','[]');
INSERT INTO "moment" VALUES('inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8',4,1796102925739008,'{"acted":{"template":"restart_resource"}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8',5,1796102927750091,'{"verified":{"template":"restart_resource","verdict":"passed","checks":[["running","passed"],["no_new_exit","passed"]]}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8',6,1796102927754754,'{"succeeded":{"templates":["restart_resource"]}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff',0,1796102928452275,'{"symptom":{"detector":"restart_loop","exits":[{"fact":"fct_01a23013-b60f-73b4-a4a4-1660ea7d71d4","at":1796102927886451,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b6e5-75b8-a277-f268e0687afa","at":1796102928099792,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b845-725c-bebe-420112e128a7","at":1796102928452275,"code":1,"memory":"enough"}],"aftermath":"stays_down"}}','["fct_01a23013-b60f-73b4-a4a4-1660ea7d71d4","fct_01a23013-b6e5-75b8-a277-f268e0687afa","fct_01a23013-b845-725c-bebe-420112e128a7"]');
INSERT INTO "moment" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff',1,1796102928467786,'{"proposed":{"plan":"pln_01a23013-b854-704e-94ae-546ec7d02094","title":"restart db"}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff',2,1796102928613737,'{"approved":{"plan":"pln_01a23013-b854-704e-94ae-546ec7d02094","by":"token:admin"}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff',3,1796102928629178,'"begun"','[]');
INSERT INTO "moment" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff',4,1796102928782531,'{"acted":{"template":"restart_resource"}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff',5,1796102928818359,'{"verified":{"template":"restart_resource","verdict":"failed","checks":[["running","failed"],["no_new_exit","failed"]]}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff',6,1796102928827476,'{"refused":{"plan":"pln_01a23013-b9bc-7494-b68a-3849b7ac8a93","reason":"the same fix was executed for the same problem and its verification failed (stp_01a23013-b854-704e-94ae-546f7c815583)"}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff',7,1796102929036464,'{"symptom":{"detector":"restart_loop","exits":[{"fact":"fct_01a23013-b60f-73b4-a4a4-1660ea7d71d4","at":1796102927886451,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b6e5-75b8-a277-f268e0687afa","at":1796102928099792,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b845-725c-bebe-420112e128a7","at":1796102928452275,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b987-7774-bab8-35ee538566e6","at":1796102928774144,"code":1,"memory":"enough"},{"fact":"fct_01a23013-ba8e-74a8-a660-a626e2744382","at":1796102929036464,"code":1,"memory":"enough"}],"aftermath":"keeps_restarting"}}','["fct_01a23013-b60f-73b4-a4a4-1660ea7d71d4","fct_01a23013-b6e5-75b8-a277-f268e0687afa","fct_01a23013-b845-725c-bebe-420112e128a7","fct_01a23013-b987-7774-bab8-35ee538566e6","fct_01a23013-ba8e-74a8-a660-a626e2744382"]');
INSERT INTO "moment" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff',8,1796102929358788,'{"symptom":{"detector":"restart_loop","exits":[{"fact":"fct_01a23013-b60f-73b4-a4a4-1660ea7d71d4","at":1796102927886451,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b6e5-75b8-a277-f268e0687afa","at":1796102928099792,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b845-725c-bebe-420112e128a7","at":1796102928452275,"code":1,"memory":"enough"},{"fact":"fct_01a23013-b987-7774-bab8-35ee538566e6","at":1796102928774144,"code":1,"memory":"enough"},{"fact":"fct_01a23013-ba8e-74a8-a660-a626e2744382","at":1796102929036464,"code":1,"memory":"enough"},{"fact":"fct_01a23013-bbd0-7481-970c-500ca2abd251","at":1796102929358788,"code":1,"memory":"enough"}],"aftermath":"stays_down"}}','["fct_01a23013-b60f-73b4-a4a4-1660ea7d71d4","fct_01a23013-b6e5-75b8-a277-f268e0687afa","fct_01a23013-b845-725c-bebe-420112e128a7","fct_01a23013-b987-7774-bab8-35ee538566e6","fct_01a23013-ba8e-74a8-a660-a626e2744382","fct_01a23013-bbd0-7481-970c-500ca2abd251"]');
INSERT INTO "moment" VALUES('inc_01a23013-bcbc-7797-9bda-9e53d77804fd',0,1796102929585159,'{"symptom":{"detector":"restart_loop","exits":[{"fact":"fct_01a23013-ba99-779e-a830-a44ae1ab68ae","at":1796102929046411,"code":1,"memory":"enough"},{"fact":"fct_01a23013-bb80-71a8-a0a3-57c5f25221dc","at":1796102929277979,"code":1,"memory":"enough"},{"fact":"fct_01a23013-bcb2-7037-989e-341a876bc40c","at":1796102929585159,"code":1,"memory":"enough"}],"aftermath":"stays_down"}}','["fct_01a23013-ba99-779e-a830-a44ae1ab68ae","fct_01a23013-bb80-71a8-a0a3-57c5f25221dc","fct_01a23013-bcb2-7037-989e-341a876bc40c"]');
INSERT INTO "moment" VALUES('inc_01a23013-bcbc-7797-9bda-9e53d77804fd',1,1796102929600560,'{"proposed":{"plan":"pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2","title":"restart cache"}}','[]');
INSERT INTO "moment" VALUES('inc_01a23013-bcbc-7797-9bda-9e53d77804fd',2,1796102929685456,'{"denied":{"plan":"pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2","by":"token:admin"}}','[]');
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
INSERT INTO "outbox" VALUES('evt_01a23013-aca0-73ef-904a-8c1fd812301d','overseer.incident.detected','home','inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8',1796102925469953,'00-573149b6db1fa922d00d2a39e1feeb67-738335d0e6fe7da6-01','{"incident":{"id":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8","resource":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web","instance":"local"},"detector":"DETECTOR_RESTART_LOOP","severity":"SEVERITY_CRITICAL","state":"INCIDENT_STATE_OPEN","outcome":"OUTCOME_PENDING","fingerprint":"abf4132d1d4f414ab546ea6bbf782b96fb2f69f481d2e45d22a64130e1152f81","title":"web is crash-looping","openedAt":"2026-12-01T05:28:45.463362Z","updatedAt":"2026-12-01T05:28:45.469953Z","occurrences":1}}',1796102925485189,1796102925485189);
INSERT INTO "outbox" VALUES('evt_01a23013-ad3e-7516-96b9-6829c6862303','overseer.incident.updated','home','inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8',1796102925626711,'00-573149b6db1fa922d00d2a39e1feeb67-5ee66d8e22ba4b34-01','{"incident":{"id":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8","resource":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web","instance":"local"},"detector":"DETECTOR_RESTART_LOOP","severity":"SEVERITY_CRITICAL","state":"INCIDENT_STATE_RESOLVING","outcome":"OUTCOME_PENDING","fingerprint":"abf4132d1d4f414ab546ea6bbf782b96fb2f69f481d2e45d22a64130e1152f81","title":"web is crash-looping","openedAt":"2026-12-01T05:28:45.463362Z","updatedAt":"2026-12-01T05:28:45.626711Z","occurrences":1}}',1796102925641278,1796102925641278);
INSERT INTO "outbox" VALUES('evt_01a23013-b591-71fc-944c-4bc8199285ee','overseer.incident.resolved','home','inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8',1796102927759963,'00-573149b6db1fa922d00d2a39e1feeb67-9f64c2fc045b5f3f-01','{"incident":{"id":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8","resource":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web","instance":"local"},"detector":"DETECTOR_RESTART_LOOP","severity":"SEVERITY_CRITICAL","state":"INCIDENT_STATE_RESOLVED","outcome":"OUTCOME_RESOLVED","fingerprint":"abf4132d1d4f414ab546ea6bbf782b96fb2f69f481d2e45d22a64130e1152f81","title":"web is crash-looping","openedAt":"2026-12-01T05:28:45.463362Z","updatedAt":"2026-12-01T05:28:47.759963Z","resolvedAt":"2026-12-01T05:28:47.759963Z","occurrences":1}}',1796102927776052,1796102927776052);
INSERT INTO "outbox" VALUES('evt_01a23013-b850-7392-b13f-54d7d34a758e','overseer.incident.detected','home','inc_01a23013-b84d-7035-949f-9d675fde89ff',1796102928459339,'00-e9bafad343dcad5c415276d164a79fb8-96c06051eb079f4d-01','{"incident":{"id":"inc_01a23013-b84d-7035-949f-9d675fde89ff","resource":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"},"detector":"DETECTOR_RESTART_LOOP","severity":"SEVERITY_CRITICAL","state":"INCIDENT_STATE_OPEN","outcome":"OUTCOME_PENDING","fingerprint":"7526b4028b7e91535a61ae30080c0fcd7f5b429d4d9bf4d2cf2fee644025ba03","title":"db is crash-looping","openedAt":"2026-12-01T05:28:48.452275Z","updatedAt":"2026-12-01T05:28:48.459339Z","occurrences":1}}',1796102928470969,1796102928470969);
INSERT INTO "outbox" VALUES('evt_01a23013-b8fc-71ee-8aa0-b01331e3eace','overseer.incident.updated','home','inc_01a23013-b84d-7035-949f-9d675fde89ff',1796102928633010,'00-e9bafad343dcad5c415276d164a79fb8-ed158f451c39a461-01','{"incident":{"id":"inc_01a23013-b84d-7035-949f-9d675fde89ff","resource":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"},"detector":"DETECTOR_RESTART_LOOP","severity":"SEVERITY_CRITICAL","state":"INCIDENT_STATE_RESOLVING","outcome":"OUTCOME_PENDING","fingerprint":"7526b4028b7e91535a61ae30080c0fcd7f5b429d4d9bf4d2cf2fee644025ba03","title":"db is crash-looping","openedAt":"2026-12-01T05:28:48.452275Z","updatedAt":"2026-12-01T05:28:48.633010Z","occurrences":1}}',1796102928650181,1796102928650181);
INSERT INTO "outbox" VALUES('evt_01a23013-b9b8-7111-b5d5-c81e7f3caef7','overseer.incident.updated','home','inc_01a23013-b84d-7035-949f-9d675fde89ff',1796102928820891,'00-e9bafad343dcad5c415276d164a79fb8-12b60a1e462a2fb1-01','{"incident":{"id":"inc_01a23013-b84d-7035-949f-9d675fde89ff","resource":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"},"detector":"DETECTOR_RESTART_LOOP","severity":"SEVERITY_CRITICAL","state":"INCIDENT_STATE_OPEN","outcome":"OUTCOME_UNRESOLVED","fingerprint":"7526b4028b7e91535a61ae30080c0fcd7f5b429d4d9bf4d2cf2fee644025ba03","title":"db is crash-looping","openedAt":"2026-12-01T05:28:48.452275Z","updatedAt":"2026-12-01T05:28:48.820891Z","occurrences":1}}',1796102928830167,1796102928830167);
INSERT INTO "outbox" VALUES('evt_01a23013-ba99-779e-a830-a44b63eaebff','overseer.incident.updated','home','inc_01a23013-b84d-7035-949f-9d675fde89ff',1796102929046475,'00-4fff1a6bf70d43bc0ca00c54eb42cbfa-e8e92c1fdcfba158-01','{"incident":{"id":"inc_01a23013-b84d-7035-949f-9d675fde89ff","resource":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"},"detector":"DETECTOR_RESTART_LOOP","severity":"SEVERITY_CRITICAL","state":"INCIDENT_STATE_OPEN","outcome":"OUTCOME_UNRESOLVED","fingerprint":"7526b4028b7e91535a61ae30080c0fcd7f5b429d4d9bf4d2cf2fee644025ba03","title":"db is crash-looping","openedAt":"2026-12-01T05:28:48.452275Z","updatedAt":"2026-12-01T05:28:49.046475Z","occurrences":2}}',1796102929069164,1796102929069164);
INSERT INTO "outbox" VALUES('evt_01a23013-bbda-73fe-813f-8a3a57e84dc5','overseer.incident.updated','home','inc_01a23013-b84d-7035-949f-9d675fde89ff',1796102929367174,'00-90d7c6ea56f8ecccd391e1f16f6b6525-39cd5c9e6090ff86-01','{"incident":{"id":"inc_01a23013-b84d-7035-949f-9d675fde89ff","resource":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"},"detector":"DETECTOR_RESTART_LOOP","severity":"SEVERITY_CRITICAL","state":"INCIDENT_STATE_OPEN","outcome":"OUTCOME_UNRESOLVED","fingerprint":"7526b4028b7e91535a61ae30080c0fcd7f5b429d4d9bf4d2cf2fee644025ba03","title":"db is crash-looping","openedAt":"2026-12-01T05:28:48.452275Z","updatedAt":"2026-12-01T05:28:49.367174Z","occurrences":3}}',1796102929376815,1796102929376815);
INSERT INTO "outbox" VALUES('evt_01a23013-bcbd-763c-9f77-f5d4db6c25ea','overseer.incident.detected','home','inc_01a23013-bcbc-7797-9bda-9e53d77804fd',1796102929596493,'00-f105b7dced7aa6cb84544a6d31ba5044-41f1b2ae1c5eda3b-01','{"incident":{"id":"inc_01a23013-bcbc-7797-9bda-9e53d77804fd","resource":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0","name":"cache","instance":"local"},"detector":"DETECTOR_RESTART_LOOP","severity":"SEVERITY_CRITICAL","state":"INCIDENT_STATE_OPEN","outcome":"OUTCOME_PENDING","fingerprint":"ef3a395ba3726c2fc7ba43590989fa3142b0d433153b4839bdb559b02a1c2de0","title":"cache is crash-looping","openedAt":"2026-12-01T05:28:49.585159Z","updatedAt":"2026-12-01T05:28:49.596493Z","occurrences":1}}',1796102929605915,1796102929605915);
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
CREATE UNIQUE INDEX incident_open ON incident (fingerprint) WHERE state <> 'resolved';
CREATE INDEX detector_state_updated ON detector_state (updated_at);
CREATE INDEX incident_resource ON incident (resource_key) WHERE state <> 'resolved';
CREATE INDEX incident_calm ON incident (calm_since) WHERE calm_since IS NOT NULL;
CREATE INDEX incident_state ON incident (state, id);
COMMIT;
