//! No statement of the services reads a table from end to end, however many rows it has: PostgreSQL tells the plan of each one
//! that a walk through the loop needs, with every way but the whole table preferred.

use std::collections::BTreeMap;

use overseer_testkit::{CrashPlan, Crashes, Mode, Overseer};

use crate::{SETTINGS, exe};

/// Tables that have a few rows by their nature.
const SMALL: [&str; 8] =
    ["_sqlx_migrations", "audit_head", "fact_cursor", "fact_head", "holder", "log_sources", "store_state", "token"];

/// Statements that may read a whole table, and why.
const WHOLE: [(&str, &str); 7] = [
    ("--", "a migration"),
    ("DELETE FROM ", "retention, once an hour"),
    ("SELECT known FROM resources", "the collector's start, which needs all"),
    ("SELECT platform_id FROM resources", "which log positions belong to no container any more, once an hour"),
    ("SELECT workload, signature, first_seen FROM log_signatures", "the collector's start, which needs all"),
    ("UPDATE log_signatures SET burst_at = $1 WHERE burst_at = $2", "retention of logs, every ten minutes"),
    ("SELECT signature, MAX(public_form)", "the list of all signatures, when a person asks"),
];

/// The statements that read a table as a whole, each with the tables.
fn whole_tables(log: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in log.split("Query Text: ").skip(1) {
        let statement: Vec<&str> = entry.lines().take_while(|line| !line.contains("cost=")).collect();
        if WHOLE.iter().any(|(beginning, _)| entry.starts_with(beginning)) {
            continue;
        }
        let plan = entry.lines().filter_map(|line| line.split_once("Seq Scan on ").map(|(_, rest)| rest));
        for table in plan.filter_map(|rest| rest.split(' ').next()).filter(|table| !SMALL.contains(table)) {
            let tables = found.entry(statement.join(" ")).or_default();
            if !tables.iter().any(|known| known == table) {
                tables.push(table.to_owned());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_of_the_loop_has_an_index() {
    let mut overseer = Overseer::prepare(exe(), Mode::ProcessPerService, SETTINGS).await;
    overseer.postgres.as_ref().unwrap().log_plans().await;
    overseer.start_all().await;
    let plan = CrashPlan { crashes: Crashes::First(3), restart_policy: "on-failure:2" };
    let web = overseer.docker.crashing_container("web", plan).await;
    let incident = overseer.incident(&web.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;
    overseer.action(&plan, |action| action["state"] == "STEP_STATE_PASSED").await;
    let incident = overseer.incident(&web.id, |incident| incident["state"] == "INCIDENT_STATE_RESOLVED").await;
    overseer.docker.run(&["rm", "--force", "web"]).await;
    overseer.text(&["incident", "show", incident["id"].as_str().unwrap()]).await;
    for list in ["resources", "facts", "deliveries", "signatures", "log-summaries", "actions"] {
        overseer.text(&[list]).await;
    }
    for list in [["audit", "list"], ["parked", "list"], ["logs", "sources"]] {
        overseer.text(&list).await;
    }
    let log = overseer.postgres.as_ref().unwrap().log();
    for table in ["incident", "plan", "facts", "attempt", "delivery", "outbox", "inbox"] {
        let planned = log.split("Query Text: ").any(|entry| entry.contains(&format!(" on {table} ")));
        assert!(planned, "no statement on {table} was planned");
    }
    let whole = whole_tables(&log);
    let shown: Vec<String> =
        whole.iter().map(|(statement, tables)| format!("{}: {statement}", tables.join(", "))).collect();
    assert!(whole.is_empty(), "read from end to end:\n{}", shown.join("\n"));
}
