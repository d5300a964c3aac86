//! `kill -9` of each process at each durable boundary of one step: nothing is lost, and the container is started at most
//! once per approved step, counted by the container itself.

use std::collections::HashSet;
use std::time::Duration;

use overseer_testkit::{CrashPlan, Crashes, Crashing, Mode, Overseer, until};
use serde_json::Value;

use crate::{in_both_modes, start};

in_both_modes! {
    the_executor_is_killed_at_each_boundary
    the_control_plane_is_killed_at_each_boundary
}

pub async fn crashed(overseer: &Overseer, name: &str) -> (Crashing, Value, Value) {
    let plan = CrashPlan { crashes: Crashes::First(2), restart_policy: "on-failure:1" };
    let container = overseer.docker.crashing_container(name, plan).await;
    let incident = overseer.incident(&container.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    (container, incident, plan)
}

/// The step passed and the container was started exactly once more.
pub async fn mended(overseer: &Overseer, container: &Crashing, plan: &Value, what: &str) {
    overseer.action(plan, |action| action["state"] == "STEP_STATE_PASSED").await;
    let resolved = |incident: &Value| incident["outcome"] == "OUTCOME_RESOLVED";
    overseer.incident(&container.id, resolved).await;
    assert_eq!(container.starts(), 3, "{what}: two crashes and one approved restart");
    let hook = |hook: &overseer_testkit::Hook| hook.body["data"]["resource"]["id"] == container.id.as_str();
    overseer.hook.wait_for("incident_resolved", hook, Duration::from_secs(60)).await;
    let told = |kind: &str| {
        let of_container = |hook: &&overseer_testkit::Hook| {
            hook.kind == kind && hook.body["data"]["resource"]["id"] == container.id.as_str()
        };
        overseer.hook.received().iter().filter(of_container).map(|hook| hook.id.clone()).collect::<HashSet<_>>()
    };
    for kind in ["incident_detected", "incident_resolved"] {
        assert_eq!(told(kind).len(), 1, "{what}: {kind} is one notice, however often it is sent");
    }
}

async fn killed_at(overseer: &mut Overseer, service: &'static str, point: &str) {
    let process = overseer.process_of(service);
    overseer.kill(process);
    overseer.start_process(process, Some(&format!("{point}:kill:1"))).await;
    let (container, _, plan) = crashed(overseer, &point.replace('_', "-")).await;
    // The answer may be lost with the process; the approval is not.
    overseer.cli(&["approve", plan["id"].as_str().unwrap()]).await;
    overseer.ended(process).await;
    overseer.start_process(process, None).await;
    mended(overseer, &container, &plan, point).await;
}

async fn the_executor_is_killed_at_each_boundary(mode: Mode) {
    let mut overseer = start(mode).await;
    for point in ["executor_intent_written", "executor_acted", "executor_outcome_written", "executor_verified_written"]
    {
        killed_at(&mut overseer, "executor", point).await;
    }
}

async fn the_control_plane_is_killed_at_each_boundary(mode: Mode) {
    let mut overseer = start(mode).await;
    for point in ["control_plane_approved", "control_plane_dispatched"] {
        killed_at(&mut overseer, "control-plane", point).await;
    }
}

/// While the executor is held at a boundary, every other process is killed and started again.
#[tokio::test(flavor = "multi_thread")]
async fn each_other_process_is_killed_while_the_step_is_at_each_boundary() {
    let mut overseer = start(Mode::ProcessPerService).await;
    for point in ["executor_intent_written", "executor_acted", "executor_outcome_written"] {
        for victim in ["identity", "control-plane", "collector", "incident-engine", "notifier", "gateway"] {
            let held = overseer.file(&format!("held-{point}-{victim}"));
            overseer.kill("executor");
            let fault = format!("{point}:hold:{}", held.display());
            overseer.start_process("executor", Some(&fault)).await;
            let name = format!("{point}-{victim}").replace('_', "-");
            let (container, _, plan) = crashed(&overseer, &name).await;
            overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;
            until("the executor to be held", Duration::from_secs(60), async || held.exists().then_some(())).await;
            overseer.kill(victim);
            overseer.start_process(victim, None).await;
            std::fs::remove_file(&held).unwrap();
            mended(&overseer, &container, &plan, &name).await;
            overseer.docker.run(&["rm", "--force", &name]).await;
        }
    }
}
