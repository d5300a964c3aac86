//! Two processes of every service on one store and one bus: whichever ends whenever, nothing is lost and nothing is done
//! twice.

use std::time::Duration;

use overseer_testkit::{CrashPlan, Crashes, Mode, Overseer, until};

use crate::start;

const ALONE: [&str; 3] = ["control-plane", "collector", "incident-engine"];
const SHARED: [&str; 2] = ["executor", "notifier"];
const SOON: Duration = Duration::from_secs(90);

/// How a process ends.
#[derive(Clone, Copy)]
enum End {
    Killed,
    Asked,
}

/// With the services that are alone, each with the name of its second process.
async fn with_twins() -> (Overseer, Vec<(&'static str, &'static str)>) {
    let (mut overseer, mut alone) = (start(Mode::ProcessPerService).await, Vec::new());
    for service in ALONE.into_iter().chain(SHARED) {
        let twin = overseer.start_twin(service).await;
        if ALONE.contains(&service) {
            let readiness = overseer.readiness(twin).await;
            assert!(readiness.contains(&format!("{service}: standby")), "{readiness}");
            alone.push((service, twin));
        }
    }
    (overseer, alone)
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
    let (mut overseer, _) = with_twins().await;
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
    let received = until("every notice to be received", SOON, async || {
        let ids = overseer.hook.ids();
        let noticed = count("SELECT count(*) FROM notifier.delivery").await;
        (i64::try_from(ids.len()).unwrap() == noticed).then_some(ids)
    })
    .await;
    match end {
        // What was on its way when its sender died comes again, under the same id.
        End::Killed => {}
        End::Asked => assert_eq!(overseer.hook.received().len(), received.len(), "a notice came twice"),
    }
}

/// Ends the sessions that hold locks, as a failover of the database does.
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' \
                            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// How often the service's lock was taken.
async fn terms(overseer: &Overseer, service: &str) -> i64 {
    let schema = service.replace('-', "_");
    overseer.sql(&format!("SELECT epoch FROM {schema}.holder")).await.parse().unwrap()
}

/// The process of the two that runs the service, once the other stands by, in a term after `term`.
async fn holder(overseer: &Overseer, (service, twin): (&'static str, &'static str), term: i64) -> &'static str {
    until(&format!("one {service}, and one standing by, after term {term}"), SOON, async || {
        if terms(overseer, service).await <= term {
            return None;
        }
        let [first, second] = [overseer.readiness(service).await, overseer.readiness(twin).await];
        let is = |readiness: &str, state: &str| readiness.contains(&format!("{service}: {state}"));
        match (is(&first, "ready") && is(&second, "standby"), is(&first, "standby") && is(&second, "ready")) {
            (true, _) => Some(service),
            (_, true) => Some(twin),
            (false, false) => None,
        }
    })
    .await
}

fn signal(overseer: &Overseer, process: &'static str, name: &str) {
    let id = overseer.process_id(process).to_string();
    assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_its_lock_stands_by_or_takes_it_again() {
    let (overseer, alone) = with_twins().await;
    let mut before = Vec::new();
    for (service, _) in &alone {
        before.push(terms(&overseer, service).await);
    }
    overseer.sql(END_SESSIONS).await;
    for (pair, term) in alone.into_iter().zip(before) {
        holder(&overseer, pair, term).await;
    }
    // One that hangs loses its lock as well, and keeps what cannot be shared: the log store of their folder.
    let collectors = ("collector", "collector-2");
    let term = terms(&overseer, "collector").await;
    let stopped = holder(&overseer, collectors, term - 1).await;
    signal(&overseer, stopped, "-STOP");
    let tries = async || (terms(&overseer, "collector").await > term + 1).then_some(());
    until("the other to try more than once", SOON, tries).await;
    signal(&overseer, stopped, "-CONT");
    holder(&overseer, collectors, term + 1).await;

    let plan = CrashPlan { crashes: Crashes::First(3), restart_policy: "on-failure:2" };
    let container = overseer.docker.crashing_container("web", plan).await;
    let incident = overseer.incident(&container.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;
    overseer.action(&plan, |action| action["state"] == "STEP_STATE_PASSED").await;
    assert_eq!(container.starts(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_when_processes_are_killed() {
    nothing_is_lost_or_done_twice_while_processes_are_replaced(End::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_in_a_rolling_restart() {
    nothing_is_lost_or_done_twice_while_processes_are_replaced(End::Asked).await;
}
