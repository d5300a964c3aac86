//! JetStream's store is deleted while Overseer runs: everything arrives all the same.

use std::time::Duration;

use overseer_testkit::{CrashPlan, Crashes, Mode};

use crate::start;

const PLAN: CrashPlan<'static> = CrashPlan { crashes: Crashes::First(2), restart_policy: "on-failure:1" };

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_store_loses_nothing() {
    let overseer = start(Mode::ProcessPerService).await;
    let nats = overseer.nats.as_ref().unwrap();
    let before = overseer.docker.crashing_container("before", PLAN).await;
    let incident = overseer.incident(&before.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;

    // Between proposal and approval, with a crash while the bus is away.
    nats.kill().await;
    let during = overseer.docker.crashing_container("during", PLAN).await;
    overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;
    nats.lose_store().await;

    overseer.action(&plan, |action| action["state"] == "STEP_STATE_PASSED").await;
    overseer.incident(&before.id, |incident| incident["outcome"] == "OUTCOME_RESOLVED").await;
    assert_eq!(before.starts(), 3, "what is sent again is not done again");

    let incident = overseer.incident(&during.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;
    nats.lose_store().await;
    overseer.incident(&during.id, |incident| incident["outcome"] == "OUTCOME_RESOLVED").await;
    assert_eq!(during.starts(), 3);

    for container in [&before, &during] {
        for kind in ["incident_detected", "approval_required", "incident_resolved"] {
            let of_container = |hook: &overseer_testkit::Hook| {
                kind == "approval_required" || hook.body["data"]["resource"]["id"] == container.id.as_str()
            };
            overseer.hook.wait_for(kind, of_container, Duration::from_secs(60)).await;
        }
    }
    let ids = overseer.hook.ids();
    let unique: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "nobody is told twice");
}
