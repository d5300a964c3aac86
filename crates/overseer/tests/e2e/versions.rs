//! What a version wrote is read by every later one. `just record` runs the loop and keeps the tables, the events and the
//! key of the tickets under `tests/recorded`; here they are opened, verified, and given to services that know nothing of them.
//! Retention deletes recorded plans after 400 days: record again before that.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr as _;
use std::time::Duration;

use overseer_bus::{Bus as _, JetStream, JetStreamOptions};
use overseer_contract::{Event, v1 as pb};
use overseer_credentials::PublicKey;
use overseer_model::{EventKind, Fact, Timestamp};
use overseer_permit::{Ticket, Verifier};
use overseer_testkit::{CrashPlan, Crashes, Mode, OWN_USER, Overseer, until};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::{SETTINGS, exe, start};

/// The kinds that an ordinary run of the loop does not give.
const NOT_RECORDED: [EventKind; 2] = [EventKind::StepFailed, EventKind::StepInDoubt];

const SOON: Duration = Duration::from_secs(60);

/// What each service notes in its inbox.
const CONSUMED: [(&str, &[EventKind]); 3] = [
    (
        "control_plane",
        &[
            EventKind::IncidentDetected,
            EventKind::IncidentUpdated,
            EventKind::IncidentResolved,
            EventKind::ResourceChanged,
            EventKind::StepStarted,
            EventKind::StepActed,
            EventKind::StepVerified,
        ],
    ),
    ("notifier", &[EventKind::IncidentDetected, EventKind::IncidentResolved, EventKind::ApprovalRequired]),
    ("collector", &[EventKind::IncidentDetected]),
];

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")
}

fn text(name: &str) -> String {
    let file = recorded().join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}; run `just record`", file.display()))
}

fn events() -> Vec<Event> {
    let all: Vec<Value> = serde_json::from_str(&text("events.json")).unwrap();
    let field = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let read = |event: Value| Event {
        id: field(&event, "id").parse().unwrap(),
        kind: EventKind::from_str(&field(&event, "kind")).unwrap(),
        site: field(&event, "site").parse().unwrap(),
        key: field(&event, "key"),
        at: Timestamp::from_micros(event["at"].as_i64().unwrap()),
        trace: event["trace"].as_str().map(|trace| trace.parse().unwrap()),
        data: field(&event, "data"),
    };
    all.into_iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes tests/recorded anew: `just record`"]
async fn record() {
    let mut overseer = start(Mode::OneProcess).await;
    let mended = CrashPlan { crashes: Crashes::First(3), restart_policy: "on-failure:2" };
    let lost = CrashPlan { crashes: Crashes::Always, restart_policy: "on-failure:2" };
    let mut incidents = Vec::new();
    for (name, plan, state) in [("web", mended, "STEP_STATE_PASSED"), ("db", lost, "STEP_STATE_FAILED")] {
        let container = overseer.docker.crashing_container(name, plan).await;
        let incident = overseer.incident(&container.id, |_| true).await;
        let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
        overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;
        overseer.action(&plan, |action| action["state"] == state).await;
        incidents.push(incident);
    }
    overseer.plan(&incidents[1], |plan| plan["state"] == "PLAN_STATE_REJECTED").await;
    let denied = overseer.docker.crashing_container("cache", mended).await;
    let incident = overseer.incident(&denied.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    overseer.text(&["deny", plan["id"].as_str().unwrap()]).await;
    overseer.incident(incidents[0]["resource"]["id"].as_str().unwrap(), resolved).await;
    let answers = answers(&overseer).await;
    let token = overseer.token();
    let facts = overseer.json(&["facts", "--limit", "500"]).await;
    overseer.stop("up").await;

    std::fs::create_dir_all(recorded()).unwrap();
    std::fs::write(recorded().join("token"), token).unwrap();
    std::fs::write(recorded().join("answers.json"), serde_json::to_string_pretty(&answers).unwrap() + "\n").unwrap();
    std::fs::copy(overseer.data_dir().join("keys/ticket.pub"), recorded().join("ticket.pub")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/record.py");
    let mut dump = Command::new("python3");
    dump.arg(script).arg(overseer.data_dir()).arg(recorded()).stdin(Stdio::piped());
    let mut dump = dump.spawn().unwrap();
    dump.stdin.take().unwrap().write_all(facts.to_string().as_bytes()).unwrap();
    assert!(dump.wait().unwrap().success());
}

fn resolved(incident: &Value) -> bool {
    incident["outcome"] == "OUTCOME_RESOLVED"
}

/// What the doors say of the recorded run, without what goes on changing.
async fn answers(overseer: &Overseer) -> Value {
    let ended = |list: &Value, name: &str, keep: fn(&Value) -> bool| -> Vec<Value> {
        list[name].as_array().unwrap().iter().filter(|entry| keep(entry)).cloned().collect()
    };
    let incidents = overseer.json(&["incidents"]).await;
    let incidents = ended(&incidents, "incidents", resolved);
    let id = incidents[0]["id"].as_str().unwrap();
    let plans = overseer.json(&["plans"]).await;
    let actions = overseer.json(&["actions"]).await;
    json!({
        "incident": incidents,
        "story": overseer.json(&["incident", "show", id]).await["narrative"],
        "plans": ended(&plans, "plans", |plan| plan["state"] == "PLAN_STATE_SUCCEEDED"),
        "actions": ended(&actions, "actions", |action| action["state"] == "STEP_STATE_PASSED"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_tables_are_brought_up_to_date_and_say_the_same() {
    let mut overseer = Overseer::prepare(exe(), Mode::OneProcess, SETTINGS).await;
    std::fs::create_dir_all(overseer.data_dir()).unwrap();
    for entry in std::fs::read_dir(recorded()).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|ending| ending == "sql") {
            let database = overseer.data_dir().join(file.file_stem().unwrap()).with_extension("db");
            // Tables come by their names, not by what refers to what.
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database).create_if_missing(true);
            let options = options.foreign_keys(false);
            let mut session = options.connect().await.unwrap();
            let dump = std::fs::read_to_string(&file).unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(dump)).execute(&mut session).await.unwrap();
            session.close().await.unwrap();
        }
    }
    let context = json!({"address": overseer.address(), "token": text("token"), "data_dir": overseer.data_dir()});
    std::fs::write(overseer.file("context.json"), context.to_string()).unwrap();
    overseer.start_all().await;
    let expected: Value = serde_json::from_str(&text("answers.json")).unwrap();
    assert_eq!(answers(&overseer).await, expected);
    let chains = overseer.json(&["audit", "verify"]).await;
    let chains = chains["chains"].as_array().unwrap();
    assert!(chains.iter().all(|chain| chain["intact"] == true), "{chains:?}");
    assert!(chains.iter().any(|chain| chain["service"] == "control-plane" && chain["entries"] != "0"), "{chains:?}");
}

#[test]
fn recorded_events_are_read() {
    let events = events();
    for kind in EventKind::ALL.iter().filter(|kind| !NOT_RECORDED.contains(kind)) {
        assert!(events.iter().any(|event| event.kind == *kind), "{kind} is not recorded: run `just record`");
    }
    for event in &events {
        read(event).unwrap_or_else(|error| panic!("{}: {error} in {}", event.kind, event.data));
    }
}

/// Each service takes what it consumes, and gives nothing up.
#[tokio::test(flavor = "multi_thread")]
async fn recorded_events_are_applied() {
    let overseer = start(Mode::ProcessPerService).await;
    let events = events();
    let url = overseer.nats.as_ref().unwrap().url().replace("nats://", &format!("nats://{OWN_USER}:{OWN_USER}@"));
    let bus = JetStream::connect(JetStreamOptions::new(url)).await.unwrap();
    for event in &events {
        bus.publish(event).await.unwrap();
    }
    let web = |incident: &Value| incident["resource"]["name"] == "web";
    until("the facts to become an incident", SOON, async || {
        let incidents = overseer.json(&["incidents"]).await;
        incidents["incidents"].as_array()?.iter().any(web).then_some(())
    })
    .await;
    for (schema, consumed) in CONSUMED {
        let of_service = events.iter().filter(|event| consumed.contains(&event.kind));
        let ids: Vec<String> = of_service.map(|event| format!("'{}'", event.id)).collect();
        let sql = format!("SELECT count(*) FROM {schema}.inbox WHERE event_id IN ({})", ids.join(", "));
        until(&format!("{schema} to have seen {} events", ids.len()), SOON, async || {
            (overseer.sql(&sql).await == ids.len().to_string()).then_some(())
        })
        .await;
    }
    let parked = overseer.json(&["parked", "list"]).await;
    assert!(parked["events"].as_array().is_none_or(Vec::is_empty), "{parked:#}");
}

fn read(event: &Event) -> Result<(), Box<dyn std::error::Error>> {
    match event.kind {
        EventKind::FactBatch => {
            for fact in event.payload::<pb::FactBatch>()?.facts {
                Fact::try_from(fact)?;
            }
        }
        EventKind::StepDispatched => {
            let key = PublicKey::from_bytes(&std::fs::read(recorded().join("ticket.pub"))?)?;
            let ticket = Ticket::from_wire(event.payload::<pb::StepDispatched>()?.ticket);
            let claims = Verifier::new(key, event.site.clone()).read(&ticket)?;
            assert_eq!(claims.approved_by, "token:admin");
        }
        EventKind::LogSignatures => drop(event.payload::<pb::LogSignatures>()?),
        EventKind::ResourceChanged => drop(event.payload::<pb::ResourceChanged>()?),
        EventKind::IncidentDetected => drop(event.payload::<pb::IncidentDetected>()?),
        EventKind::IncidentUpdated => drop(event.payload::<pb::IncidentUpdated>()?),
        EventKind::IncidentResolved => drop(event.payload::<pb::IncidentResolved>()?),
        EventKind::PlanRejected => drop(event.payload::<pb::PlanRejected>()?),
        EventKind::PlanReady => drop(event.payload::<pb::PlanReady>()?),
        EventKind::PlanFinished => drop(event.payload::<pb::PlanFinished>()?),
        EventKind::ApprovalRequired => drop(event.payload::<pb::ApprovalRequired>()?),
        EventKind::ApprovalGranted => drop(event.payload::<pb::ApprovalGranted>()?),
        EventKind::ApprovalDenied => drop(event.payload::<pb::ApprovalDenied>()?),
        EventKind::StepStarted => drop(event.payload::<pb::StepStarted>()?),
        EventKind::StepActed => drop(event.payload::<pb::StepActed>()?),
        EventKind::StepVerified => drop(event.payload::<pb::StepVerified>()?),
        EventKind::StepFailed => drop(event.payload::<pb::StepFailed>()?),
        EventKind::StepInDoubt => drop(event.payload::<pb::StepInDoubt>()?),
    }
    Ok(())
}
