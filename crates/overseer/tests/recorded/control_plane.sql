BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'courier','2026-12-01 05:28:44',1,X'232B3279E9D03D44E0BBDE1E7EAD5AC9F9AC8CF0E349555B881443DE20ECAD53F75E17F00077B7E836AC024C055E682B',1408301);
INSERT INTO "_sqlx_migrations" VALUES(2,'parked','2026-12-01 05:28:44',1,X'79D12BC4B194DDE476C8D7C37B38D7D2EFE63F8F186331952EEAF4F46FF947A8FB226CF61370B52738EA62B5D2621EF5',1048948);
INSERT INTO "_sqlx_migrations" VALUES(3,'holder','2026-12-01 05:28:44',1,X'A213679A48CECE7F1E8AFBAB702F43E22B2EBA613360194E5B4742F0C27B3DD79F888B7B21E4911812538BAE2F543E03',573732);
INSERT INTO "_sqlx_migrations" VALUES(4,'first_relayed','2026-12-01 05:28:44',1,X'250FC84636DB389EAC8C0A4AB485099CC2658BC77EBF77D7CAA3547300454E542A861C74C32E7AE829A947AE48C03573',852536);
INSERT INTO "_sqlx_migrations" VALUES(100,'plans','2026-12-01 05:28:44',1,X'2A76C2AE1A9DD7C10C986046D987C8F9B9BCED1481C652DF7251E5677A68F072C45A381D5A7C24170A957C17A4647729',1297497);
INSERT INTO "_sqlx_migrations" VALUES(101,'subjects_and_targets','2026-12-01 05:28:44',1,X'449BC17BACD84C570A2A1037C939044A69D504AF14CF6F98FA15C1A23DD7CE1BA2F0C71193498A81EB30F2F78D1AFC1D',8958400);
INSERT INTO "_sqlx_migrations" VALUES(102,'tokens_are_of_identity','2026-12-01 05:28:44',1,X'4A99ADC5417AADD479DD2098B6B4A025849065C85629E76E3B18183A069085414132FC14B01B6D444D944B13D830F99B',825496);
CREATE TABLE approval (
    id TEXT PRIMARY KEY,
    step_id TEXT NOT NULL UNIQUE REFERENCES step (id),
    plan_digest TEXT NOT NULL,
    action TEXT NOT NULL,
    target_fingerprint TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    approver TEXT NOT NULL,
    approved_at BIGINT NOT NULL,
    nonce TEXT NOT NULL UNIQUE
, valid_micros BIGINT NOT NULL DEFAULT 0);
INSERT INTO "approval" VALUES('apr_01a23013-ad28-74ec-ada3-f54d06dbb6e2','stp_01a23013-aca9-7041-809d-abe0143bcd87','e1fa69a8e4bda92967f333909f246779d836d5cbdfc501d973ded0aac30b677f','{"restart_resource":{"target":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web"}}}','12e51353394aef96960e3ca2167b9f2d4b08ab5beccd6825eb7e2c4c7182373a','guide-1','token:admin',1796102925607840,'105526cbfe96761b339488ae4e269375',900000000);
INSERT INTO "approval" VALUES('apr_01a23013-b8e6-75d6-ac7b-fa4e3489d5c6','stp_01a23013-b854-704e-94ae-546f7c815583','65765da64eb2cb148050eae0da4727d5bb6139b9cb416a9b5ecc82ee3846ffa9','{"restart_resource":{"target":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db"}}}','972e609a27e784fa9a12d08d34860568caf880c044bba71e2f740114ab83ab39','guide-1','token:admin',1796102928613737,'2cdd2b76febcd8e2b20fcde0b03a0e4e',900000000);
CREATE TABLE audit (
    sequence BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,1796102925478332,'service:control-plane','plan.ready','pln_01a23013-aca9-7041-809d-abdf13c0848d','e1fa69a8e4bda92967f333909f246779d836d5cbdfc501d973ded0aac30b677f','bbf92c7523d559de1cc351090777dc318edb95ffe0b065438f57a7f70abc11f4');
INSERT INTO "audit" VALUES(2,1796102925607840,'token:admin','plan.approved','pln_01a23013-aca9-7041-809d-abdf13c0848d','e1fa69a8e4bda92967f333909f246779d836d5cbdfc501d973ded0aac30b677f','14c8793c2fa758c166dedff1f66c3a516a425fd35e76d5c0513b781136379250');
INSERT INTO "audit" VALUES(3,1796102925611246,'token:admin','step.dispatched','stp_01a23013-aca9-7041-809d-abe0143bcd87','attempt 1, approval apr_01a23013-ad28-74ec-ada3-f54d06dbb6e2','db63fdf9f524f1fe29eb49d389ec9e1c59ac5a51811c29e4566c322022885d5a');
INSERT INTO "audit" VALUES(4,1796102925627118,'service:control-plane','overseer.step.started','stp_01a23013-aca9-7041-809d-abe0143bcd87','begun','b71964cf5c3910abe712e4adfa11e0e20a6353f75ebcf100f5efd20cc94ac063');
INSERT INTO "audit" VALUES(5,1796102925744818,'service:control-plane','overseer.step.acted','stp_01a23013-aca9-7041-809d-abe0143bcd87','acted','862b7d3d70d58d0818098c3d3384d03464167fbc4b75036862bc3e5c88ba7c19');
INSERT INTO "audit" VALUES(6,1796102927754754,'service:control-plane','overseer.step.verified','stp_01a23013-aca9-7041-809d-abe0143bcd87','verified passed','e91ebd91b551b811965e09dd3d5dba77f2f1626ded848ec5e8516743159db060');
INSERT INTO "audit" VALUES(7,1796102928467786,'service:control-plane','plan.ready','pln_01a23013-b854-704e-94ae-546ec7d02094','65765da64eb2cb148050eae0da4727d5bb6139b9cb416a9b5ecc82ee3846ffa9','e6dcc7eb774437617c4f2b29cda54ae14707d2881b7454e15cce13d1b95118a6');
INSERT INTO "audit" VALUES(8,1796102928613737,'token:admin','plan.approved','pln_01a23013-b854-704e-94ae-546ec7d02094','65765da64eb2cb148050eae0da4727d5bb6139b9cb416a9b5ecc82ee3846ffa9','38a2995a4bcec4fdb7cb8bfb69ded34f02749a83289aa5fe6137a880679810a2');
INSERT INTO "audit" VALUES(9,1796102928616897,'token:admin','step.dispatched','stp_01a23013-b854-704e-94ae-546f7c815583','attempt 1, approval apr_01a23013-b8e6-75d6-ac7b-fa4e3489d5c6','1cf02439e655d3c07aa2933cc9c41b92d1c9b722c4af325ad5cc53f05bf2cec9');
INSERT INTO "audit" VALUES(10,1796102928633611,'service:control-plane','overseer.step.started','stp_01a23013-b854-704e-94ae-546f7c815583','begun','60c043eef9a2b945c5ca74a232ee3d0d620a2c11034a93406334ae0d57a9efac');
INSERT INTO "audit" VALUES(11,1796102928787245,'service:control-plane','overseer.step.acted','stp_01a23013-b854-704e-94ae-546f7c815583','acted','9aea56d96010030782b28f073bbd36813e3e7a4464956f03ce2fbee2013cabb7');
INSERT INTO "audit" VALUES(12,1796102928821295,'service:control-plane','overseer.step.verified','stp_01a23013-b854-704e-94ae-546f7c815583','verified failed','28e33db4c716a40f96686a3a131194f21bb8f94e36964b249ce42dd6fa320185');
INSERT INTO "audit" VALUES(13,1796102928827476,'service:control-plane','plan.rejected','pln_01a23013-b9bc-7494-b68a-3849b7ac8a93','failed_before','f140d19e1a32ffd9b82c05d5ae30f6eb5f6b5bb2bf97f846ba42d5395acf3d48');
INSERT INTO "audit" VALUES(14,1796102929600560,'service:control-plane','plan.ready','pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2','e0edb010edccb21e0f33081d9d709603f313b4d382817f66610030952806905b','98357997bc72a4062a8d48d797d61e22106329b7434369b10c1dcb6d827f5ef8');
INSERT INTO "audit" VALUES(15,1796102929685456,'token:admin','plan.denied','pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2','','3e0cd4329416128242ac2d93682fcf2a1b31bc2a7c2aa3d439f04a54ab881a8c');
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO "audit_head" VALUES(1,15,'3e0cd4329416128242ac2d93682fcf2a1b31bc2a7c2aa3d439f04a54ab881a8c');
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
INSERT INTO "inbox" VALUES('evt_01a23013-a9fc-7105-ac9a-99a414bb4216',1796102924799631);
INSERT INTO "inbox" VALUES('evt_01a23013-aa5a-7645-a243-d0888b692dd4',1796102924896037);
INSERT INTO "inbox" VALUES('evt_01a23013-aa60-761c-9da6-f794933a7d6b',1796102924904617);
INSERT INTO "inbox" VALUES('evt_01a23013-aa85-75dd-a9bc-17100a939367',1796102924940692);
INSERT INTO "inbox" VALUES('evt_01a23013-ab36-75a6-ab94-8b21c01edd8f',1796102925115114);
INSERT INTO "inbox" VALUES('evt_01a23013-ab50-707f-a719-f45868e92cd6',1796102925140294);
INSERT INTO "inbox" VALUES('evt_01a23013-ac78-731b-b79f-99f748980703',1796102925439041);
INSERT INTO "inbox" VALUES('evt_01a23013-ac9a-73fd-a007-b34dcc119974',1796102925470297);
INSERT INTO "inbox" VALUES('evt_01a23013-aca0-73ef-904a-8c1fd812301d',1796102925478067);
INSERT INTO "inbox" VALUES('evt_01a23013-ad38-72ed-8d10-78cb3351ae98',1796102925629751);
INSERT INTO "inbox" VALUES('evt_01a23013-ad3e-7516-96b9-6829c6862303',1796102925636263);
INSERT INTO "inbox" VALUES('evt_01a23013-ada8-75b8-863a-a45a5d416e4a',1796102925743706);
INSERT INTO "inbox" VALUES('evt_01a23013-adac-767c-887a-75f6bb70d985',1796102925760402);
INSERT INTO "inbox" VALUES('evt_01a23013-adaf-716b-b646-e190650e30c2',1796102925767510);
INSERT INTO "inbox" VALUES('evt_01a23013-b586-7173-a954-4c1c0810d958',1796102927755160);
INSERT INTO "inbox" VALUES('evt_01a23013-b591-71fc-944c-4bc8199285ee',1796102927768220);
INSERT INTO "inbox" VALUES('evt_01a23013-b5ab-729e-a903-7b33b4a75551',1796102927791418);
INSERT INTO "inbox" VALUES('evt_01a23013-b5f5-772c-88f1-11c6039b6020',1796102927867906);
INSERT INTO "inbox" VALUES('evt_01a23013-b5fc-70a3-aaaf-465a0694c161',1796102927878804);
INSERT INTO "inbox" VALUES('evt_01a23013-b610-71cf-8adc-1db0747d45a0',1796102927891398);
INSERT INTO "inbox" VALUES('evt_01a23013-b6cd-71c3-be62-edb5bac28706',1796102928081615);
INSERT INTO "inbox" VALUES('evt_01a23013-b6e5-75b8-a277-f2695c05c2f7',1796102928103619);
INSERT INTO "inbox" VALUES('evt_01a23013-b82a-7246-8181-bc4896216f8b',1796102928433207);
INSERT INTO "inbox" VALUES('evt_01a23013-b847-71fe-a2a9-726093c1ed18',1796102928457473);
INSERT INTO "inbox" VALUES('evt_01a23013-b850-7392-b13f-54d7d34a758e',1796102928467664);
INSERT INTO "inbox" VALUES('evt_01a23013-b8f6-7339-9f78-db91b4d7fe3b',1796102928635952);
INSERT INTO "inbox" VALUES('evt_01a23013-b8fc-71ee-8aa0-b01331e3eace',1796102928644026);
INSERT INTO "inbox" VALUES('evt_01a23013-b964-70f2-adf0-2535f3190573',1796102928748153);
INSERT INTO "inbox" VALUES('evt_01a23013-b96c-73cc-bbd4-a89b1b03f92d',1796102928760055);
INSERT INTO "inbox" VALUES('evt_01a23013-b988-7140-b7c0-42317ece5c98',1796102928779853);
INSERT INTO "inbox" VALUES('evt_01a23013-b990-769b-a839-b93f7e5a6d4c',1796102928787501);
INSERT INTO "inbox" VALUES('evt_01a23013-b9b3-72ca-9b4c-298ccd38804a',1796102928821530);
INSERT INTO "inbox" VALUES('evt_01a23013-b9b8-7111-b5d5-c81e7f3caef7',1796102928826994);
INSERT INTO "inbox" VALUES('evt_01a23013-ba07-7465-8f5b-299d129f05af',1796102928906237);
INSERT INTO "inbox" VALUES('evt_01a23013-ba55-7527-be91-4fc98c8a808b',1796102928994047);
INSERT INTO "inbox" VALUES('evt_01a23013-ba6a-7251-a9b2-772fdb08b768',1796102929010580);
INSERT INTO "inbox" VALUES('evt_01a23013-ba6e-7028-8483-bef803693c64',1796102929017749);
INSERT INTO "inbox" VALUES('evt_01a23013-ba90-7171-9c92-167726b316df',1796102929049301);
INSERT INTO "inbox" VALUES('evt_01a23013-ba99-779e-a830-a44b63eaebff',1796102929061881);
INSERT INTO "inbox" VALUES('evt_01a23013-ba9b-70e3-98e0-21c823d4333c',1796102929064942);
INSERT INTO "inbox" VALUES('evt_01a23013-bb58-7342-9a97-8289c1bc2c98',1796102929251317);
INSERT INTO "inbox" VALUES('evt_01a23013-bb81-7624-a4b0-cbfd2f36d803',1796102929285380);
INSERT INTO "inbox" VALUES('evt_01a23013-bbb2-71af-bf77-4bd7d510f674',1796102929332965);
INSERT INTO "inbox" VALUES('evt_01a23013-bbd0-7481-970c-500d56b12ba8',1796102929363631);
INSERT INTO "inbox" VALUES('evt_01a23013-bbda-73fe-813f-8a3a57e84dc5',1796102929373970);
INSERT INTO "inbox" VALUES('evt_01a23013-bc98-75fb-bae6-093b6f700f87',1796102929564870);
INSERT INTO "inbox" VALUES('evt_01a23013-bcb3-7393-b6d2-31022af6b2c9',1796102929592679);
INSERT INTO "inbox" VALUES('evt_01a23013-bcbd-763c-9f77-f5d4db6c25ea',1796102929600361);
CREATE TABLE open_incident (
    id TEXT PRIMARY KEY,
    resource TEXT NOT NULL,
    incident TEXT NOT NULL
);
INSERT INTO "open_incident" VALUES('inc_01a23013-b84d-7035-949f-9d675fde89ff','home/docker://local/1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599','{"id":"inc_01a23013-b84d-7035-949f-9d675fde89ff","trouble":"7526b4028b7e91535a61ae30080c0fcd7f5b429d4d9bf4d2cf2fee644025ba03","detector":1,"resource":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db"}}');
INSERT INTO "open_incident" VALUES('inc_01a23013-bcbc-7797-9bda-9e53d77804fd','home/docker://local/dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0','{"id":"inc_01a23013-bcbc-7797-9bda-9e53d77804fd","trouble":"ef3a395ba3726c2fc7ba43590989fa3142b0d433153b4839bdb559b02a1c2de0","detector":1,"resource":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0","name":"cache"}}');
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
INSERT INTO "outbox" VALUES('evt_01a23013-acab-7578-8c03-75f01713c653','overseer.plan.ready','home','pln_01a23013-aca9-7041-809d-abdf13c0848d',1796102925478332,'00-573149b6db1fa922d00d2a39e1feeb67-738335d0e6fe7da6-01','{"plan":{"id":"pln_01a23013-aca9-7041-809d-abdf13c0848d","subject":{"incidentId":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8"},"state":"PLAN_STATE_READY","digest":"e1fa69a8e4bda92967f333909f246779d836d5cbdfc501d973ded0aac30b677f","title":"restart web","playbook":"restart-crashed","policyVersion":"guide-1","steps":[{"id":"stp_01a23013-aca9-7041-809d-abe0143bcd87","position":1,"state":"STEP_STATE_AWAITING_APPROVAL","action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web","instance":"local"}}},"risk":"RISK_D2","targetFingerprint":"12e51353394aef96960e3ca2167b9f2d4b08ab5beccd6825eb7e2c4c7182373a","preconditions":[{"state":{"anyOf":["RESOURCE_STATE_CREATED","RESOURCE_STATE_RUNNING","RESOURCE_STATE_PAUSED","RESOURCE_STATE_RESTARTING","RESOURCE_STATE_EXITED"]}}]}],"createdAt":"2026-12-01T05:28:45.478332Z","updatedAt":"2026-12-01T05:28:45.478332Z"}}',1796102925487604,1796102925487604);
INSERT INTO "outbox" VALUES('evt_01a23013-acac-7627-a0c9-33dd42af863d','overseer.approval.required','home','pln_01a23013-aca9-7041-809d-abdf13c0848d',1796102925478332,'00-573149b6db1fa922d00d2a39e1feeb67-738335d0e6fe7da6-01','{"plan":{"id":"pln_01a23013-aca9-7041-809d-abdf13c0848d","subject":{"incidentId":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8"},"state":"PLAN_STATE_READY","digest":"e1fa69a8e4bda92967f333909f246779d836d5cbdfc501d973ded0aac30b677f","title":"restart web","playbook":"restart-crashed","policyVersion":"guide-1","steps":[{"id":"stp_01a23013-aca9-7041-809d-abe0143bcd87","position":1,"state":"STEP_STATE_AWAITING_APPROVAL","action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web","instance":"local"}}},"risk":"RISK_D2","targetFingerprint":"12e51353394aef96960e3ca2167b9f2d4b08ab5beccd6825eb7e2c4c7182373a","preconditions":[{"state":{"anyOf":["RESOURCE_STATE_CREATED","RESOURCE_STATE_RUNNING","RESOURCE_STATE_PAUSED","RESOURCE_STATE_RESTARTING","RESOURCE_STATE_EXITED"]}}]}],"createdAt":"2026-12-01T05:28:45.478332Z","updatedAt":"2026-12-01T05:28:45.478332Z"}}',1796102925489979,1796102925489979);
INSERT INTO "outbox" VALUES('evt_01a23013-ad29-7691-8eeb-cfcba4243269','overseer.approval.granted','home','pln_01a23013-aca9-7041-809d-abdf13c0848d',1796102925607840,'00-573149b6db1fa922d00d2a39e1feeb67-738335d0e6fe7da6-01','{"planId":"pln_01a23013-aca9-7041-809d-abdf13c0848d","subject":{"incidentId":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8"},"approvedBy":"token:admin","expiresAt":"2026-12-01T05:43:45.607840Z"}',1796102925617951,1796102925617951);
INSERT INTO "outbox" VALUES('evt_01a23013-ad2e-773f-8f5b-8458bc921b65','overseer.step.dispatched','home','pln_01a23013-aca9-7041-809d-abdf13c0848d',1796102925611246,'00-573149b6db1fa922d00d2a39e1feeb67-738335d0e6fe7da6-01','{"step":{"stepId":"stp_01a23013-aca9-7041-809d-abe0143bcd87","planId":"pln_01a23013-aca9-7041-809d-abdf13c0848d","subject":{"incidentId":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8"},"attempt":1,"action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web","instance":"local"}}}},"ticket":"eyJ2ZXJzaW9uIjoyLCJzaXRlIjoiaG9tZSIsInN0ZXAiOiJzdHBfMDFhMjMwMTMtYWNhOS03MDQxLTgwOWQtYWJlMDE0M2JjZDg3IiwicGxhbiI6InBsbl8wMWEyMzAxMy1hY2E5LTcwNDEtODA5ZC1hYmRmMTNjMDg0OGQiLCJzdWJqZWN0IjoiaW5jaWRlbnQ6aW5jXzAxYTIzMDEzLWFjOWUtNzNlNC05YTIzLTIwYzg2YmY1ZGZmOCIsImF0dGVtcHQiOjEsImFjdGlvbiI6eyJyZXN0YXJ0X3Jlc291cmNlIjp7InRhcmdldCI6eyJzaXRlIjoiaG9tZSIsInByb3ZpZGVyIjoiZG9ja2VyIiwiaW5zdGFuY2UiOiJsb2NhbCIsImtpbmQiOiJjb250YWluZXIiLCJpZCI6ImE1MmU1NTQ2MzFjOWVhYzBiYjhiMjQyMDM5MzhjYzc2Zjg2ZWMyMGE5ZWIzZmI3MGRkNjJjZDhjYzZlZDAxN2YiLCJuYW1lIjoid2ViIn19fSwidGFyZ2V0IjoiMTJlNTEzNTMzOTRhZWY5Njk2MGUzY2EyMTY3YjlmMmQ0YjA4YWI1YmVjY2Q2ODI1ZWI3ZTJjNGM3MTgyMzczYSIsInByZWNvbmRpdGlvbnMiOlt7InN0YXRlIjp7ImFueV9vZiI6WyJjcmVhdGVkIiwicnVubmluZyIsInBhdXNlZCIsInJlc3RhcnRpbmciLCJleGl0ZWQiXX19XSwiYXBwcm92YWwiOiJhcHJfMDFhMjMwMTMtYWQyOC03NGVjLWFkYTMtZjU0ZDA2ZGJiNmUyIiwiYXBwcm92ZWRfYnkiOiJ0b2tlbjphZG1pbiIsImV4cGlyZXMiOjE3OTYxMDI5ODU2MTEyNDYsIm5vbmNlIjoiZmRlMjgwM2YwNjkyMWE0OGFjNTdkODFhN2JmOTEyNGUifQ.UdS_jFMvImMl3YqyxGEe4enYvevTQBmsCNYnctbytHDJtp87d0hLWu1EqLzemimcz2idlfAL0zUzEK-AMPBBDg"}',1796102925626264,1796102925626264);
INSERT INTO "outbox" VALUES('evt_01a23013-b58e-730c-aa3c-32c8113118e2','overseer.plan.finished','home','pln_01a23013-aca9-7041-809d-abdf13c0848d',1796102927754754,'00-573149b6db1fa922d00d2a39e1feeb67-9f64c2fc045b5f3f-01','{"plan":{"id":"pln_01a23013-aca9-7041-809d-abdf13c0848d","subject":{"incidentId":"inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8"},"state":"PLAN_STATE_SUCCEEDED","digest":"e1fa69a8e4bda92967f333909f246779d836d5cbdfc501d973ded0aac30b677f","title":"restart web","playbook":"restart-crashed","policyVersion":"guide-1","steps":[{"id":"stp_01a23013-aca9-7041-809d-abe0143bcd87","position":1,"state":"STEP_STATE_PASSED","action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web","instance":"local"}}},"risk":"RISK_D2","targetFingerprint":"12e51353394aef96960e3ca2167b9f2d4b08ab5beccd6825eb7e2c4c7182373a","preconditions":[{"state":{"anyOf":["RESOURCE_STATE_CREATED","RESOURCE_STATE_RUNNING","RESOURCE_STATE_PAUSED","RESOURCE_STATE_RESTARTING","RESOURCE_STATE_EXITED"]}}],"expiresAt":"2026-12-01T05:43:45.607840Z","verdict":"VERDICT_PASSED"}],"createdAt":"2026-12-01T05:28:45.478332Z","updatedAt":"2026-12-01T05:28:47.754754Z"}}',1796102927765905,1796102927765905);
INSERT INTO "outbox" VALUES('evt_01a23013-b855-719b-8d4a-79ad0f65e88d','overseer.plan.ready','home','pln_01a23013-b854-704e-94ae-546ec7d02094',1796102928467786,'00-e9bafad343dcad5c415276d164a79fb8-96c06051eb079f4d-01','{"plan":{"id":"pln_01a23013-b854-704e-94ae-546ec7d02094","subject":{"incidentId":"inc_01a23013-b84d-7035-949f-9d675fde89ff"},"state":"PLAN_STATE_READY","digest":"65765da64eb2cb148050eae0da4727d5bb6139b9cb416a9b5ecc82ee3846ffa9","title":"restart db","playbook":"restart-crashed","policyVersion":"guide-1","steps":[{"id":"stp_01a23013-b854-704e-94ae-546f7c815583","position":1,"state":"STEP_STATE_AWAITING_APPROVAL","action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"}}},"risk":"RISK_D2","targetFingerprint":"972e609a27e784fa9a12d08d34860568caf880c044bba71e2f740114ab83ab39","preconditions":[{"state":{"anyOf":["RESOURCE_STATE_CREATED","RESOURCE_STATE_RUNNING","RESOURCE_STATE_PAUSED","RESOURCE_STATE_RESTARTING","RESOURCE_STATE_EXITED"]}}]}],"createdAt":"2026-12-01T05:28:48.467786Z","updatedAt":"2026-12-01T05:28:48.467786Z"}}',1796102928472734,1796102928472734);
INSERT INTO "outbox" VALUES('evt_01a23013-b855-719b-8d4a-79ae49ca81a9','overseer.approval.required','home','pln_01a23013-b854-704e-94ae-546ec7d02094',1796102928467786,'00-e9bafad343dcad5c415276d164a79fb8-96c06051eb079f4d-01','{"plan":{"id":"pln_01a23013-b854-704e-94ae-546ec7d02094","subject":{"incidentId":"inc_01a23013-b84d-7035-949f-9d675fde89ff"},"state":"PLAN_STATE_READY","digest":"65765da64eb2cb148050eae0da4727d5bb6139b9cb416a9b5ecc82ee3846ffa9","title":"restart db","playbook":"restart-crashed","policyVersion":"guide-1","steps":[{"id":"stp_01a23013-b854-704e-94ae-546f7c815583","position":1,"state":"STEP_STATE_AWAITING_APPROVAL","action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"}}},"risk":"RISK_D2","targetFingerprint":"972e609a27e784fa9a12d08d34860568caf880c044bba71e2f740114ab83ab39","preconditions":[{"state":{"anyOf":["RESOURCE_STATE_CREATED","RESOURCE_STATE_RUNNING","RESOURCE_STATE_PAUSED","RESOURCE_STATE_RESTARTING","RESOURCE_STATE_EXITED"]}}]}],"createdAt":"2026-12-01T05:28:48.467786Z","updatedAt":"2026-12-01T05:28:48.467786Z"}}',1796102928474777,1796102928474777);
INSERT INTO "outbox" VALUES('evt_01a23013-b8e6-75d6-ac7b-fa4fee47cfa5','overseer.approval.granted','home','pln_01a23013-b854-704e-94ae-546ec7d02094',1796102928613737,'00-e9bafad343dcad5c415276d164a79fb8-96c06051eb079f4d-01','{"planId":"pln_01a23013-b854-704e-94ae-546ec7d02094","subject":{"incidentId":"inc_01a23013-b84d-7035-949f-9d675fde89ff"},"approvedBy":"token:admin","expiresAt":"2026-12-01T05:43:48.613737Z"}',1796102928621514,1796102928621514);
INSERT INTO "outbox" VALUES('evt_01a23013-b8ea-71a4-a03d-e92681dee2a0','overseer.step.dispatched','home','pln_01a23013-b854-704e-94ae-546ec7d02094',1796102928616897,'00-e9bafad343dcad5c415276d164a79fb8-96c06051eb079f4d-01','{"step":{"stepId":"stp_01a23013-b854-704e-94ae-546f7c815583","planId":"pln_01a23013-b854-704e-94ae-546ec7d02094","subject":{"incidentId":"inc_01a23013-b84d-7035-949f-9d675fde89ff"},"attempt":1,"action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"}}}},"ticket":"eyJ2ZXJzaW9uIjoyLCJzaXRlIjoiaG9tZSIsInN0ZXAiOiJzdHBfMDFhMjMwMTMtYjg1NC03MDRlLTk0YWUtNTQ2ZjdjODE1NTgzIiwicGxhbiI6InBsbl8wMWEyMzAxMy1iODU0LTcwNGUtOTRhZS01NDZlYzdkMDIwOTQiLCJzdWJqZWN0IjoiaW5jaWRlbnQ6aW5jXzAxYTIzMDEzLWI4NGQtNzAzNS05NDlmLTlkNjc1ZmRlODlmZiIsImF0dGVtcHQiOjEsImFjdGlvbiI6eyJyZXN0YXJ0X3Jlc291cmNlIjp7InRhcmdldCI6eyJzaXRlIjoiaG9tZSIsInByb3ZpZGVyIjoiZG9ja2VyIiwiaW5zdGFuY2UiOiJsb2NhbCIsImtpbmQiOiJjb250YWluZXIiLCJpZCI6IjFhYjM2ZjdiY2FmMDFjM2Y4NTZjOTI1YzUwZWQ2OTRhZmM2ZjA5MjlhNjJmMDZjNzNiNGZiZDQyZWQyNmU1OTkiLCJuYW1lIjoiZGIifX19LCJ0YXJnZXQiOiI5NzJlNjA5YTI3ZTc4NGZhOWExMmQwOGQzNDg2MDU2OGNhZjg4MGMwNDRiYmE3MWUyZjc0MDExNGFiODNhYjM5IiwicHJlY29uZGl0aW9ucyI6W3sic3RhdGUiOnsiYW55X29mIjpbImNyZWF0ZWQiLCJydW5uaW5nIiwicGF1c2VkIiwicmVzdGFydGluZyIsImV4aXRlZCJdfX1dLCJhcHByb3ZhbCI6ImFwcl8wMWEyMzAxMy1iOGU2LTc1ZDYtYWM3Yi1mYTRlMzQ4OWQ1YzYiLCJhcHByb3ZlZF9ieSI6InRva2VuOmFkbWluIiwiZXhwaXJlcyI6MTc5NjEwMjk4ODYxNjg5Nywibm9uY2UiOiJjZmI4NGRiZTFmYTY2NTNjMzMyYjY3ZjNkNGZmMjk5MiJ9.GOnMBO1j7EaUgGW1fMhT3zWYqlmpcMBGWPBh6e_vKt3w2y5nTNdap5kDRwrBeFiKtbDV0-VbKGyz79YhsuJXBw"}',1796102928633119,1796102928633119);
INSERT INTO "outbox" VALUES('evt_01a23013-b9b6-73ac-8b02-48b5e241a507','overseer.plan.finished','home','pln_01a23013-b854-704e-94ae-546ec7d02094',1796102928821295,'00-e9bafad343dcad5c415276d164a79fb8-12b60a1e462a2fb1-01','{"plan":{"id":"pln_01a23013-b854-704e-94ae-546ec7d02094","subject":{"incidentId":"inc_01a23013-b84d-7035-949f-9d675fde89ff"},"state":"PLAN_STATE_FAILED","digest":"65765da64eb2cb148050eae0da4727d5bb6139b9cb416a9b5ecc82ee3846ffa9","title":"restart db","playbook":"restart-crashed","policyVersion":"guide-1","steps":[{"id":"stp_01a23013-b854-704e-94ae-546f7c815583","position":1,"state":"STEP_STATE_FAILED","action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"}}},"risk":"RISK_D2","targetFingerprint":"972e609a27e784fa9a12d08d34860568caf880c044bba71e2f740114ab83ab39","preconditions":[{"state":{"anyOf":["RESOURCE_STATE_CREATED","RESOURCE_STATE_RUNNING","RESOURCE_STATE_PAUSED","RESOURCE_STATE_RESTARTING","RESOURCE_STATE_EXITED"]}}],"expiresAt":"2026-12-01T05:43:48.613737Z","verdict":"VERDICT_FAILED"}],"createdAt":"2026-12-01T05:28:48.467786Z","updatedAt":"2026-12-01T05:28:48.821295Z"}}',1796102928830119,1796102928830119);
INSERT INTO "outbox" VALUES('evt_01a23013-b9bd-739c-9ae3-63fa94bd4bb7','overseer.plan.rejected','home','pln_01a23013-b9bc-7494-b68a-3849b7ac8a93',1796102928827476,'00-e9bafad343dcad5c415276d164a79fb8-12b60a1e462a2fb1-01','{"plan":{"id":"pln_01a23013-b9bc-7494-b68a-3849b7ac8a93","subject":{"incidentId":"inc_01a23013-b84d-7035-949f-9d675fde89ff"},"state":"PLAN_STATE_REJECTED","digest":"a31f45f0e6832c059a798127026c34073a853893bdcfc2ee5d0508d80db3ce27","title":"restart db","playbook":"restart-crashed","policyVersion":"guide-1","steps":[{"id":"stp_01a23013-b9bc-7494-b68a-384a6fb38d99","position":1,"state":"STEP_STATE_VOID","action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db","instance":"local"}}},"risk":"RISK_D2","targetFingerprint":"972e609a27e784fa9a12d08d34860568caf880c044bba71e2f740114ab83ab39","preconditions":[{"state":{"anyOf":["RESOURCE_STATE_CREATED","RESOURCE_STATE_RUNNING","RESOURCE_STATE_PAUSED","RESOURCE_STATE_RESTARTING","RESOURCE_STATE_EXITED"]}}]}],"refusal":{"code":"failed_before","reason":"the same fix was executed for the same problem and its verification failed (stp_01a23013-b854-704e-94ae-546f7c815583)","whatWouldChangeIt":"a changed target (a new image, a re-created container), or a person who restarts it by hand"},"createdAt":"2026-12-01T05:28:48.827476Z","updatedAt":"2026-12-01T05:28:48.827476Z"}}',1796102928833588,1796102928833588);
INSERT INTO "outbox" VALUES('evt_01a23013-bcc1-7179-8ef4-1e8a489b29a9','overseer.plan.ready','home','pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2',1796102929600560,'00-f105b7dced7aa6cb84544a6d31ba5044-41f1b2ae1c5eda3b-01','{"plan":{"id":"pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2","subject":{"incidentId":"inc_01a23013-bcbc-7797-9bda-9e53d77804fd"},"state":"PLAN_STATE_READY","digest":"e0edb010edccb21e0f33081d9d709603f313b4d382817f66610030952806905b","title":"restart cache","playbook":"restart-crashed","policyVersion":"guide-1","steps":[{"id":"stp_01a23013-bcc0-77df-90a4-7e0face3c474","position":1,"state":"STEP_STATE_AWAITING_APPROVAL","action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0","name":"cache","instance":"local"}}},"risk":"RISK_D2","targetFingerprint":"caff4a09c273b408115635e8ab1c606bf881cc5456914a6ad9cb9701dae9134a","preconditions":[{"state":{"anyOf":["RESOURCE_STATE_CREATED","RESOURCE_STATE_RUNNING","RESOURCE_STATE_PAUSED","RESOURCE_STATE_RESTARTING","RESOURCE_STATE_EXITED"]}}]}],"createdAt":"2026-12-01T05:28:49.600560Z","updatedAt":"2026-12-01T05:28:49.600560Z"}}',1796102929609856,1796102929609856);
INSERT INTO "outbox" VALUES('evt_01a23013-bcc1-7179-8ef4-1e8b857bad57','overseer.approval.required','home','pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2',1796102929600560,'00-f105b7dced7aa6cb84544a6d31ba5044-41f1b2ae1c5eda3b-01','{"plan":{"id":"pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2","subject":{"incidentId":"inc_01a23013-bcbc-7797-9bda-9e53d77804fd"},"state":"PLAN_STATE_READY","digest":"e0edb010edccb21e0f33081d9d709603f313b4d382817f66610030952806905b","title":"restart cache","playbook":"restart-crashed","policyVersion":"guide-1","steps":[{"id":"stp_01a23013-bcc0-77df-90a4-7e0face3c474","position":1,"state":"STEP_STATE_AWAITING_APPROVAL","action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0","name":"cache","instance":"local"}}},"risk":"RISK_D2","targetFingerprint":"caff4a09c273b408115635e8ab1c606bf881cc5456914a6ad9cb9701dae9134a","preconditions":[{"state":{"anyOf":["RESOURCE_STATE_CREATED","RESOURCE_STATE_RUNNING","RESOURCE_STATE_PAUSED","RESOURCE_STATE_RESTARTING","RESOURCE_STATE_EXITED"]}}]}],"createdAt":"2026-12-01T05:28:49.600560Z","updatedAt":"2026-12-01T05:28:49.600560Z"}}',1796102929611817,1796102929611817);
INSERT INTO "outbox" VALUES('evt_01a23013-bd16-7619-9ab1-a187968c1601','overseer.approval.denied','home','pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2',1796102929685456,'00-f105b7dced7aa6cb84544a6d31ba5044-41f1b2ae1c5eda3b-01','{"planId":"pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2","subject":{"incidentId":"inc_01a23013-bcbc-7797-9bda-9e53d77804fd"},"deniedBy":"token:admin"}',1796102929692214,1796102929692214);
INSERT INTO "outbox" VALUES('evt_01a23013-bd16-7619-9ab1-a188b747f29f','overseer.plan.finished','home','pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2',1796102929685456,'00-f105b7dced7aa6cb84544a6d31ba5044-41f1b2ae1c5eda3b-01','{"plan":{"id":"pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2","subject":{"incidentId":"inc_01a23013-bcbc-7797-9bda-9e53d77804fd"},"state":"PLAN_STATE_CANCELLED","digest":"e0edb010edccb21e0f33081d9d709603f313b4d382817f66610030952806905b","title":"restart cache","playbook":"restart-crashed","policyVersion":"guide-1","steps":[{"id":"stp_01a23013-bcc0-77df-90a4-7e0face3c474","position":1,"state":"STEP_STATE_DENIED","action":{"restartResource":{"target":{"site":"home","provider":"PROVIDER_DOCKER","kind":"RESOURCE_KIND_CONTAINER","id":"dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0","name":"cache","instance":"local"}}},"risk":"RISK_D2","targetFingerprint":"caff4a09c273b408115635e8ab1c606bf881cc5456914a6ad9cb9701dae9134a","preconditions":[{"state":{"anyOf":["RESOURCE_STATE_CREATED","RESOURCE_STATE_RUNNING","RESOURCE_STATE_PAUSED","RESOURCE_STATE_RESTARTING","RESOURCE_STATE_EXITED"]}}]}],"createdAt":"2026-12-01T05:28:49.600560Z","updatedAt":"2026-12-01T05:28:49.685456Z"}}',1796102929693608,1796102929693608);
CREATE TABLE parked (
    event_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    site TEXT NOT NULL,
    data TEXT NOT NULL,
    error TEXT NOT NULL,
    parked_at BIGINT NOT NULL
, ordering_key TEXT NOT NULL DEFAULT '', at BIGINT NOT NULL DEFAULT 0, trace TEXT);
CREATE TABLE plan (
    id TEXT PRIMARY KEY,
    trouble TEXT NOT NULL,
    state TEXT NOT NULL,
    digest TEXT NOT NULL,
    title TEXT NOT NULL,
    playbook TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    refusal TEXT,
    trace TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
, subject TEXT NOT NULL DEFAULT '');
INSERT INTO "plan" VALUES('pln_01a23013-aca9-7041-809d-abdf13c0848d','abf4132d1d4f414ab546ea6bbf782b96fb2f69f481d2e45d22a64130e1152f81','succeeded','e1fa69a8e4bda92967f333909f246779d836d5cbdfc501d973ded0aac30b677f','restart web','restart-crashed','guide-1',NULL,'00-573149b6db1fa922d00d2a39e1feeb67-738335d0e6fe7da6-01',1796102925478332,1796102927754754,'incident:inc_01a23013-ac9e-73e4-9a23-20c86bf5dff8');
INSERT INTO "plan" VALUES('pln_01a23013-b854-704e-94ae-546ec7d02094','7526b4028b7e91535a61ae30080c0fcd7f5b429d4d9bf4d2cf2fee644025ba03','failed','65765da64eb2cb148050eae0da4727d5bb6139b9cb416a9b5ecc82ee3846ffa9','restart db','restart-crashed','guide-1',NULL,'00-e9bafad343dcad5c415276d164a79fb8-96c06051eb079f4d-01',1796102928467786,1796102928821295,'incident:inc_01a23013-b84d-7035-949f-9d675fde89ff');
INSERT INTO "plan" VALUES('pln_01a23013-b9bc-7494-b68a-3849b7ac8a93','7526b4028b7e91535a61ae30080c0fcd7f5b429d4d9bf4d2cf2fee644025ba03','rejected','a31f45f0e6832c059a798127026c34073a853893bdcfc2ee5d0508d80db3ce27','restart db','restart-crashed','guide-1','{"code":"failed_before","reason":"the same fix was executed for the same problem and its verification failed (stp_01a23013-b854-704e-94ae-546f7c815583)","what_would_change_it":"a changed target (a new image, a re-created container), or a person who restarts it by hand"}','00-e9bafad343dcad5c415276d164a79fb8-12b60a1e462a2fb1-01',1796102928827476,1796102928827476,'incident:inc_01a23013-b84d-7035-949f-9d675fde89ff');
INSERT INTO "plan" VALUES('pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2','ef3a395ba3726c2fc7ba43590989fa3142b0d433153b4839bdb559b02a1c2de0','cancelled','e0edb010edccb21e0f33081d9d709603f313b4d382817f66610030952806905b','restart cache','restart-crashed','guide-1',NULL,'00-f105b7dced7aa6cb84544a6d31ba5044-41f1b2ae1c5eda3b-01',1796102929600560,1796102929685456,'incident:inc_01a23013-bcbc-7797-9bda-9e53d77804fd');
CREATE TABLE step (
    id TEXT PRIMARY KEY,
    plan_id TEXT NOT NULL REFERENCES plan (id),
    position BIGINT NOT NULL,
    state TEXT NOT NULL,
    action TEXT NOT NULL,
    template TEXT NOT NULL,
    risk TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    started_at BIGINT,
    acted_at BIGINT,
    finished_at BIGINT,
    verdict TEXT,
    verification TEXT,
    detail TEXT NOT NULL, resource TEXT NOT NULL DEFAULT '', target_fingerprint TEXT NOT NULL DEFAULT '', preconditions TEXT NOT NULL DEFAULT '[]',
    UNIQUE (plan_id, position)
);
INSERT INTO "step" VALUES('stp_01a23013-aca9-7041-809d-abe0143bcd87','pln_01a23013-aca9-7041-809d-abdf13c0848d',1,'passed','{"restart_resource":{"target":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f","name":"web"}}}','restart_resource','D2',1,1796102925622784,1796102925739008,1796102927754754,'passed','{"verdict":"VERDICT_PASSED","checks":[{"name":"running","verdict":"VERDICT_PASSED","detail":"it runs"},{"name":"no_new_exit","verdict":"VERDICT_PASSED","detail":"it is the run started by the action"}],"from":"2026-12-01T05:28:45.739005Z","until":"2026-12-01T05:28:47.749912Z"}','','home/docker://local/a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f','12e51353394aef96960e3ca2167b9f2d4b08ab5beccd6825eb7e2c4c7182373a','[{"state":{"any_of":["created","running","paused","restarting","exited"]}}]');
INSERT INTO "step" VALUES('stp_01a23013-b854-704e-94ae-546f7c815583','pln_01a23013-b854-704e-94ae-546ec7d02094',1,'failed','{"restart_resource":{"target":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db"}}}','restart_resource','D2',1,1796102928629178,1796102928782531,1796102928821295,'failed','{"verdict":"VERDICT_FAILED","checks":[{"name":"running","verdict":"VERDICT_FAILED","detail":"the platform waits before it starts it again"},{"name":"no_new_exit","verdict":"VERDICT_FAILED","detail":"it exited again with code 1"}],"from":"2026-12-01T05:28:48.782529Z","until":"2026-12-01T05:28:48.818333Z"}','','home/docker://local/1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599','972e609a27e784fa9a12d08d34860568caf880c044bba71e2f740114ab83ab39','[{"state":{"any_of":["created","running","paused","restarting","exited"]}}]');
INSERT INTO "step" VALUES('stp_01a23013-b9bc-7494-b68a-384a6fb38d99','pln_01a23013-b9bc-7494-b68a-3849b7ac8a93',1,'void','{"restart_resource":{"target":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599","name":"db"}}}','restart_resource','D2',0,NULL,NULL,NULL,NULL,NULL,'','home/docker://local/1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599','972e609a27e784fa9a12d08d34860568caf880c044bba71e2f740114ab83ab39','[{"state":{"any_of":["created","running","paused","restarting","exited"]}}]');
INSERT INTO "step" VALUES('stp_01a23013-bcc0-77df-90a4-7e0face3c474','pln_01a23013-bcc0-77df-90a4-7e0e3d5740c2',1,'denied','{"restart_resource":{"target":{"site":"home","provider":"docker","instance":"local","kind":"container","id":"dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0","name":"cache"}}}','restart_resource','D2',0,NULL,NULL,1796102929685456,NULL,NULL,'','home/docker://local/dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0','caff4a09c273b408115635e8ab1c606bf881cc5456914a6ad9cb9701dae9134a','[{"state":{"any_of":["created","running","paused","restarting","exited"]}}]');
CREATE TABLE store_state (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
INSERT INTO "store_state" VALUES('bus_incarnation','in-process');
CREATE TABLE target (
    resource TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    -- Empty until it was inspected.
    fingerprint TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    started_by_request_at BIGINT,
    updated_at BIGINT NOT NULL
);
INSERT INTO "target" VALUES('home/docker://local/a52e554631c9eac0bb8b24203938cc76f86ec20a9eb3fb70dd62cd8cc6ed017f','running','12e51353394aef96960e3ca2167b9f2d4b08ab5beccd6825eb7e2c4c7182373a','["restart","start","stop"]',1796102925735238,1796102925767557);
INSERT INTO "target" VALUES('home/docker://local/1ab36f7bcaf01c3f856c925c50ed694afc6f0929a62f06c73b4fbd42ed26e599','exited','972e609a27e784fa9a12d08d34860568caf880c044bba71e2f740114ab83ab39','["restart","start","stop"]',1796102928737802,1796102929364503);
INSERT INTO "target" VALUES('home/docker://local/dc711d63128c67e86cb86f96cfc7c9b1ca56bf96ac19332523f28aeb0d4174c0','exited','caff4a09c273b408115635e8ab1c606bf881cc5456914a6ad9cb9701dae9134a','["restart","start","stop"]',1796102928999239,1796102929593371);
CREATE INDEX outbox_waiting ON outbox (id) WHERE relayed_at IS NULL;
CREATE INDEX outbox_relayed ON outbox (relayed_at) WHERE relayed_at IS NOT NULL;
CREATE INDEX inbox_seen ON inbox (seen_at);
CREATE INDEX parked_at ON parked (parked_at);
CREATE INDEX outbox_first_relayed ON outbox (first_relayed_at) WHERE first_relayed_at IS NOT NULL;
CREATE INDEX step_unfinished ON step (state) WHERE finished_at IS NULL;
CREATE INDEX plan_subject ON plan (subject);
CREATE UNIQUE INDEX plan_live ON plan (subject) WHERE state IN ('ready', 'running');
CREATE INDEX plan_trouble ON plan (trouble);
CREATE INDEX plan_running ON plan (id) WHERE state = 'running';
CREATE INDEX step_carried_out ON step (id) WHERE attempt > 0;
CREATE INDEX open_incident_resource ON open_incident (resource);
COMMIT;
