//! Two processes of every service on one store and one bus: whichever ends whenever, nothing is lost and nothing is done
//! twice.

use std::time::Duration;

use overseer_testkit::{CrashPlan, Crashes, Mode, Overseer, until};

use crate::start;

const ALONE: [&str; 4] = ["control-plane", "collector", "incident-engine", "notifier"];
const SHARED: [&str; 1] = ["executor"];
const SOON: Duration = Duration::from_secs(90);

/// How a process ends.
#[derive(Clone, Copy)]
enum End {
    Killed,
    Asked,
}

async fn with_twins() -> Overseer {
    let mut overseer = start(Mode::ProcessPerService).await;
    for service in ALONE.into_iter().chain(SHARED) {
        let twin = overseer.start_twin(service).await;
        if ALONE.contains(&service) {
            let readiness = overseer.readiness(twin).await;
            assert!(readiness.contains(&format!("{service}: standby")), "{readiness}");
        }
    }
    overseer
}

/// Ends the process that runs the service, and starts it again; meanwhile the other takes over.
async fn replace(overseer: &mut Overseer, process: &'static str, end: End) {
    match end {
        End::Killed => overseer.kill(process),
        End::Asked => drop(overseer.stop(process).await),
    }
    overseer.start_process(process, None).await;
}

async fn nothing_is_lost_or_done_twice_while_processes_are_replaced(end: End) {
    let mut overseer = with_twins().await;
    let plan = CrashPlan { crashes: Crashes::First(3), restart_policy: "on-failure:2" };
    let mut containers = Vec::new();
    for (round, service) in ALONE.into_iter().enumerate() {
        // The crashes are under way while the process ends.
        containers.push(overseer.docker.crashing_container(&format!("web-{round}"), plan).await);
        replace(&mut overseer, service, end).await;
    }
    for service in SHARED {
        replace(&mut overseer, service, end).await;
    }
    for container in &containers {
        let incident = overseer.incident(&container.id, |_| true).await;
        let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
        overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;
        overseer.action(&plan, |action| action["state"] == "STEP_STATE_PASSED").await;
        assert_eq!(container.starts(), 4, "three crashes and one approved restart");
    }
    let count = async |sql: &str| overseer.sql(sql).await.parse::<i64>().unwrap();
    let n = i64::try_from(containers.len()).unwrap();
    assert_eq!(count("SELECT count(*) FROM incident_engine.incident").await, n);
    assert_eq!(count("SELECT count(*) FROM control_plane.plan").await, n);
    assert_eq!(count("SELECT count(*) FROM executor.attempt").await, n);
    let gaps = "SELECT max(sequence) - min(sequence) + 1 - count(*) FROM collector.facts";
    assert_eq!(count(gaps).await, 0, "facts are numbered without gaps");
    until("every fact to be applied", SOON, async || {
        let behind = "SELECT (SELECT max(sequence) FROM collector.facts) - \
                      (SELECT max(sequence) FROM incident_engine.fact_cursor)";
        (count(behind).await == 0).then_some(())
    })
    .await;
    assert_eq!(count("SELECT count(*) FROM incident_engine.parked").await, 0);
    until("one notice of each kind for each", SOON, async || {
        let sent = "SELECT count(*) FROM notifier.delivery WHERE kind = 'incident_detected' AND state = 'delivered'";
        (count(sent).await == n).then_some(())
    })
    .await;
    let twice = "SELECT count(*) - count(DISTINCT event_id) FROM notifier.delivery";
    assert_eq!(count(twice).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_when_processes_are_killed() {
    nothing_is_lost_or_done_twice_while_processes_are_replaced(End::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_in_a_rolling_restart() {
    nothing_is_lost_or_done_twice_while_processes_are_replaced(End::Asked).await;
}
