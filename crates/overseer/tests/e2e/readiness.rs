//! `/readyz` says what is away: the bus, the database.

use std::time::Duration;

use overseer_testkit::{Mode, Overseer, until};

use crate::start;

const SOON: Duration = Duration::from_secs(60);
/// Those with tables.
const SERVICES: [&str; 6] = ["identity", "collector", "incident-engine", "control-plane", "executor", "notifier"];

/// Until every service says this of what carries it.
async fn all_say(overseer: &Overseer, status: &str, of: &str, state: &str) {
    for service in SERVICES {
        let line = format!("{service}.{of}: {state}");
        until(&line, SOON, async || {
            let answer = overseer.readiness(service).await;
            (answer.starts_with(status) && answer.contains(&line)).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_that_the_bus_or_the_database_is_away() {
    let overseer = start(Mode::ProcessPerService).await;
    let (nats, postgres) = (overseer.nats.as_ref().unwrap(), overseer.postgres.as_ref().unwrap());
    all_say(&overseer, "HTTP/1.1 200", "bus", "ready").await;
    nats.kill().await;
    all_say(&overseer, "HTTP/1.1 503", "bus", "waiting").await;
    nats.restart().await;
    all_say(&overseer, "HTTP/1.1 200", "bus", "ready").await;

    postgres.kill().await;
    for service in SERVICES {
        until(&format!("{service} is not ready"), SOON, async || {
            overseer.readiness(service).await.starts_with("HTTP/1.1 503").then_some(())
        })
        .await;
    }
    postgres.restart().await;
    all_say(&overseer, "HTTP/1.1 200", "database", "ready").await;
}
